//! The one table of every variable: what it is called, what it means, what holds without it. The reader, the example
//! files and the error messages all come from here; no other file names a variable.

use crate::media::task::TASKS;
use std::sync::LazyLock;

/// What holds when a variable is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// This value, read as if it had been set.
    Value(&'static str),
    /// Something found out at start, in words.
    Words(&'static str),
}

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    /// Other names it answers to, tried in order after `name`.
    pub aliases: &'static [&'static str],
    /// Its place in `samovar.toml`: `table.key`.
    pub key: &'static str,
    /// Without it.
    pub default: Default,
    /// What it does, one sentence or two.
    pub meaning: &'static str,
    /// A value that is accepted.
    pub example: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

const fn open(
    name: &'static str,
    key: &'static str,
    default: Default,
    example: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable { name, aliases: &[], key, default, meaning, example, secret: false }
}

/// Address of the HTTP server.
pub const LISTEN: Variable = open(
    "SAMOVAR_LISTEN",
    "http.listen",
    Default::Value("127.0.0.1:8080"),
    "0.0.0.0:8080",
    "Address of the HTTP server. Anything but a loopback address also needs API keys: SAMOVAR_API_KEYS or samovar keys add.",
);
/// Base of links given out.
pub const PUBLIC_URL: Variable = open(
    "SAMOVAR_PUBLIC_URL",
    "http.public_url",
    Default::Words("taken from each request"),
    "https://pictures.example.org",
    "Base of the links that are given out.",
);
/// Who may use the API.
pub const API_KEYS: Variable = Variable {
    name: "SAMOVAR_API_KEYS",
    aliases: &[],
    key: "http.api_keys",
    default: Default::Words("none: only this machine may ask"),
    meaning: "Who may use the HTTP API: a comma list of name:key or name:key:level; the level is user (without one), subscriber or admin.",
    example: "alice:5f2b9c0d8e7a4b61,boss:90ab12cd34ef56a7:admin",
    secret: true,
};
/// Results and the log.
pub const DATA_DIR: Variable = open(
    "SAMOVAR_DATA_DIR",
    "storage.data_dir",
    Default::Value("./data"),
    "/var/lib/samovar",
    "Folder of results and of the log (logs/samovar.log).",
);
/// How long results stay.
pub const RETENTION_DAYS: Variable = open(
    "SAMOVAR_RETENTION_DAYS",
    "storage.retention_days",
    Default::Value("30"),
    "7",
    "Days after which results are deleted.",
);
/// How long uploaded files stay.
pub const UPLOAD_HOURS: Variable = open(
    "SAMOVAR_UPLOAD_HOURS",
    "storage.upload_hours",
    Default::Value("24"),
    "1",
    "Hours after which uploaded files are deleted; what people send is personal. A request that waits longer fails.",
);
/// Where results and uploaded files lie.
pub const STORAGE_URL: Variable = open(
    "SAMOVAR_STORAGE_URL",
    "storage.url",
    Default::Words("media inside SAMOVAR_DATA_DIR"),
    "file:///var/lib/samovar/media",
    "Where results and uploaded files lie: file://FOLDER, or s3://BUCKET/PREFIX with the SAMOVAR_S3_ variables. Each database needs a folder or a prefix of its own.",
);
/// Address of the S3 server.
pub const S3_ENDPOINT: Variable = open(
    "SAMOVAR_S3_ENDPOINT",
    "storage.s3_endpoint",
    Default::Words("Amazon's"),
    "https://storage.yandexcloud.net",
    "Address of the S3 server; with http:// nothing is encrypted on the way.",
);
/// Where the bucket is.
pub const S3_REGION: Variable =
    open("SAMOVAR_S3_REGION", "storage.s3_region", Default::Value("us-east-1"), "ru-central1", "Region of the bucket.");
/// Names the account at the S3 server.
pub const S3_ACCESS_KEY: Variable = Variable {
    name: "SAMOVAR_S3_ACCESS_KEY",
    aliases: &[],
    key: "storage.s3_access_key",
    default: Default::Words("none"),
    meaning: "Access key of the bucket; it must be allowed to list, read, write and delete.",
    example: "YCAJExxxxxxxxxxxxxxxxxxxx",
    secret: true,
};
/// Proves the account at the S3 server.
pub const S3_SECRET_KEY: Variable = Variable {
    name: "SAMOVAR_S3_SECRET_KEY",
    aliases: &[],
    key: "storage.s3_secret_key",
    default: Default::Words("none"),
    meaning: "Secret key of the bucket.",
    example: "YCNxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    secret: true,
};
/// Jobs, accounts, statistics.
pub const DATABASE_URL: Variable = Variable {
    name: "DATABASE_URL",
    aliases: &[],
    key: "database.url",
    default: Default::Words("sqlite://samovar.db inside SAMOVAR_DATA_DIR"),
    meaning: "Where jobs and accounts are kept: sqlite://PATH, or postgres://USER:PASSWORD@HOST/NAME to share them among machines.",
    example: "postgres://samovar:secret@db.example.org/samovar",
    secret: true,
};
/// Manifest and bundled models.
pub const MODELS_DIR: Variable = open(
    "SAMOVAR_MODELS_DIR",
    "models.dir",
    Default::Value("./models"),
    "/opt/samovar/models",
    "Folder of manifest.toml and the bundled models.",
);
/// Fetched weights.
pub const WEIGHTS_DIR: Variable = open(
    "SAMOVAR_WEIGHTS_DIR",
    "models.weights_dir",
    Default::Words("weights inside SAMOVAR_MODELS_DIR"),
    "/mnt/weights",
    "Folder of fetched weights; tens of gigabytes.",
);
/// Fonts of texts on pictures.
pub const FONTS_DIR: Variable = open(
    "SAMOVAR_FONTS_DIR",
    "models.fonts_dir",
    Default::Value("/usr/share/fonts/truetype/noto"),
    "/opt/samovar/fonts",
    "Folder of the fonts for texts on pictures: NotoSans-Regular.ttf, NotoSans-Bold.ttf and NotoColorEmoji.ttf, as Debian's fonts-noto-core and fonts-noto-color-emoji install them.",
);
/// Token for gated repositories.
pub const HF_TOKEN: Variable = Variable {
    name: "HF_TOKEN",
    aliases: &["HUGGINGFACE_API_KEY", "HF_API_KEY", "HF_API_TOKEN", "HUGGINGFACEHUB_API_TOKEN"],
    key: "models.hf_token",
    default: Default::Words("none"),
    meaning: "Hugging Face token, for fetching models whose licence must be accepted first.",
    example: "hf_xxxxxxxxxxxxxxxxxxxx",
    secret: true,
};
/// Mirror of the hub.
pub const HF_ENDPOINT: Variable = open(
    "HF_ENDPOINT",
    "models.hf_endpoint",
    Default::Value("https://huggingface.co"),
    "https://hf-mirror.com",
    "Where models are fetched from: the Hugging Face hub or a mirror of it.",
);
/// What to compute on.
pub const DEVICE: Variable = open(
    "SAMOVAR_DEVICE",
    "engine.device",
    Default::Value("auto"),
    "cuda:0",
    "What the engine computes on: auto, cpu, cuda or cuda:N.",
);
/// The engine binary.
pub const ENGINE: Variable = open(
    "SAMOVAR_ENGINE",
    "engine.binary",
    Default::Words("samovar-engine beside the executable"),
    "/opt/samovar/samovar-engine",
    "Path of the engine binary; it must come from the same build.",
);
/// Threads of the engine.
pub const THREADS: Variable = open(
    "SAMOVAR_THREADS",
    "engine.threads",
    Default::Words("physical cores within the cgroup"),
    "8",
    "Threads of the engine, 1 to 1024.",
);
/// Memory of the engine.
pub const MEMORY_LIMIT: Variable = open(
    "SAMOVAR_MEMORY_LIMIT",
    "engine.memory_limit",
    Default::Words("what is free, within the cgroup"),
    "6GiB",
    "Memory the engine may use: bytes, or a number with KiB, MiB, GiB, KB, MB, GB.",
);
/// When an idle engine ends.
pub const IDLE_UNLOAD: Variable = open(
    "SAMOVAR_IDLE_UNLOAD",
    "engine.idle_unload",
    Default::Value("10m"),
    "1h",
    "An engine without work ends after this time and gives its memory back: seconds, or a number with s, m, h; 0 for never.",
);
/// When a silent engine is taken for dead.
pub const STALL_TIMEOUT: Variable = open(
    "SAMOVAR_STALL_TIMEOUT",
    "engine.stall_timeout",
    Default::Value("10m"),
    "30m",
    "A working engine that shows no progress for this time is ended: seconds, or a number with s, m, h.",
);
/// What is free.
pub const LIMITS: Variable = open(
    "SAMOVAR_LIMITS",
    "accounts.limits",
    Default::Value("user=3,subscriber=5,admin=unlimited"),
    "user=3,subscriber=5,user:image.generate=10",
    "Free units (pictures) a day by level, counted per task: LEVEL=N for every task, LEVEL:TASK=N for one; a bare N is for user and subscriber, 0 for a service that only sells, unlimited for one that is free. Admins are always unlimited. What is not named keeps its default.",
);
/// What the rest costs.
pub const PRICES: Variable = open(
    "SAMOVAR_PRICES",
    "accounts.prices",
    Default::Value(
        "image.generate=3,image.generate:flux-schnell=5,image.edit=5,image.upscale=3,image.letter=0,image.describe=1,\
         speech.transcribe=2,speech.synthesize=2,text.write=1,text.translate=1,video.generate=60",
    ),
    "image.generate=2.50,image.generate:flux-schnell=4",
    "Roubles for one unit beyond the free ones: TASK=ROUBLES, or TASK:MODEL=ROUBLES where the request names that model. What is not named keeps its default.",
);
/// What everybody begins with.
pub const START_BALANCE: Variable = open(
    "SAMOVAR_START_BALANCE",
    "accounts.start_balance",
    Default::Value("30"),
    "12.50",
    "Roubles that every new account begins with.",
);
/// Who may name what.
pub const LEVEL_MODELS: Variable = open(
    "SAMOVAR_LEVEL_MODELS",
    "accounts.level_models",
    Default::Words("every level may name every model"),
    "user=demo|sdxl-turbo,subscriber=demo|sdxl-turbo|flux-schnell",
    "Models that a level may name in a request: LEVEL=MODEL|MODEL; a level that is not named may name all.",
);
/// How fast a key may ask.
pub const RATE_LIMIT: Variable = open(
    "SAMOVAR_RATE_LIMIT",
    "http.rate_limit",
    Default::Value("60"),
    "10",
    "Requests a minute that submit work with one API key, 0 for any number. A key can have a number of its own: samovar keys add --rate.",
);
/// How many jobs at a time.
pub const PARALLEL: Variable = open(
    "SAMOVAR_PARALLEL",
    "jobs.parallel",
    Default::Value("8"),
    "16",
    "Jobs that one worker does at a time where a provider has a key, 1 to 256; on this machine itself they are done one after the other.",
);
/// When somebody else is asked instead of waiting.
pub const LOCAL_QUEUE: Variable = open(
    "SAMOVAR_LOCAL_QUEUE",
    "jobs.local_queue",
    Default::Value("2"),
    "0",
    "Jobs that may wait for the model on this machine before the next provider of the route is asked, 0 to 256.",
);
/// How long providers may take together.
pub const BUDGET: Variable = open(
    "SAMOVAR_BUDGET",
    "jobs.budget",
    Default::Value("15m"),
    "5m",
    "How long all providers of a route may take together for one request: seconds, or a number with s, m, h.",
);
/// How long a silent worker keeps its job.
pub const LEASE: Variable = open(
    "SAMOVAR_LEASE",
    "jobs.lease",
    Default::Value("30s"),
    "2m",
    "A job whose worker gives no sign of life for this time goes to another one: seconds, or a number with s, m, h.",
);
/// How long the job in hand may go on at the end.
pub const GRACE: Variable = open(
    "SAMOVAR_GRACE",
    "jobs.grace",
    Default::Value("30s"),
    "5m",
    "How long the job in hand may go on when the program is told to end; then it goes back into the line: seconds, or a number with s, m, h; 0 for not at all.",
);
/// What is logged.
pub const RUST_LOG: Variable = open(
    "RUST_LOG",
    "log.filter",
    Default::Words("info for serve, error for other commands"),
    "info,samovar=debug",
    "What is logged: off, error, warn, info, debug, trace, or a list such as warn,samovar=debug.",
);

/// All of them, in the order of the example files.
pub static ALL: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let routes = TASKS.iter().map(|(task, usual)| route(task, usual));
    BEFORE_ROUTES.iter().copied().chain(routes).chain(AFTER_ROUTES.iter().copied()).collect()
});

/// The variable of a task's route: `SAMOVAR_ROUTE_IMAGE_GENERATE` for `image.generate`.
fn route(task: &str, usual: &'static str) -> Variable {
    // Once for each task of the program: the table lives as long as it does.
    let kept = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let word = task.replace('.', "_");
    Variable {
        name: kept(format!("SAMOVAR_ROUTE_{}", word.to_ascii_uppercase())),
        aliases: &[],
        key: kept(format!("route.{word}")),
        default: Default::Value(usual),
        meaning: kept(format!(
            "Who is asked for {task}, in order: local:MODEL for a model of this machine, PROVIDER or PROVIDER:MODEL, * for every \
             other provider with a key. Providers without a key are skipped."
        )),
        example: "openai,hf,*",
        secret: false,
    }
}

/// The variable of this task's route.
#[must_use]
pub fn route_of(task: &str) -> Option<&'static Variable> {
    let key = format!("route.{}", task.replace('.', "_"));
    ALL.iter().find(|variable| variable.key == key)
}

const BEFORE_ROUTES: &[Variable] = &[
    LISTEN,
    PUBLIC_URL,
    API_KEYS,
    RATE_LIMIT,
    DATA_DIR,
    RETENTION_DAYS,
    UPLOAD_HOURS,
    STORAGE_URL,
    S3_ENDPOINT,
    S3_REGION,
    S3_ACCESS_KEY,
    S3_SECRET_KEY,
    DATABASE_URL,
    MODELS_DIR,
    WEIGHTS_DIR,
    FONTS_DIR,
    HF_TOKEN,
    HF_ENDPOINT,
    DEVICE,
    ENGINE,
    THREADS,
    MEMORY_LIMIT,
    IDLE_UNLOAD,
    STALL_TIMEOUT,
];

const AFTER_ROUTES: &[Variable] =
    &[LIMITS, PRICES, START_BALANCE, LEVEL_MODELS, PARALLEL, LOCAL_QUEUE, BUDGET, LEASE, GRACE, RUST_LOG];
