//! A real S3 server in this process, its objects in a folder; and what is told of keys and buckets that are wrong.

use super::*;
use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use samovar::media::Failure;
use samovar::storage::S3;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const BUCKET: &str = "samovar-tests";
const ACCESS_KEY: &str = "an-access-key";
const SECRET_KEY: &str = "a-hidden-key";

/// Listens until dropped.
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(folder: &Path) -> Self {
        Self::listen(folder, ([127, 0, 0, 1], 0).into()).await
    }

    async fn listen(folder: &Path, address: SocketAddr) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let failed = |_| async { StatusCode::INTERNAL_SERVER_ERROR };
        let router: Router = Router::new().fallback_service(HandleError::new(service.build(), failed));
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move { served.await.unwrap() });
        Self { address, stop, task }
    }

    /// Ends it together with its connections, which clients would keep using.
    async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }

    pub fn bucket(&self, prefix: &str) -> S3 {
        S3 {
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: Some(format!("http://{}", self.address).parse().unwrap()),
            region: "us-east-1".to_owned(),
            access_key: ACCESS_KEY.into(),
            secret_key: SECRET_KEY.into(),
        }
    }
}

async fn refusal(place: S3, database: &Database) -> String {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&Place::S3(place), folder.path());
    Storage::open(settings, database.db.clone()).await.err().unwrap().to_string()
}

#[tokio::test]
async fn a_wrong_bucket_key_or_address_is_told_at_the_start() {
    on_every_database(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path()).await;
        let told = refusal(S3 { bucket: "another".to_owned(), ..server.bucket("x") }, &database).await;
        assert!(told.starts_with("the storage s3://another/x at http://127.0.0.1:"), "{told}");
        assert!(told.ends_with("the bucket or the folder is not there"), "{told}");
        for (access_key, secret_key) in [("wr0ng", SECRET_KEY), (ACCESS_KEY, "wr0ng")] {
            let keys = S3 { access_key: access_key.into(), secret_key: secret_key.into(), ..server.bucket("") };
            let told = refusal(keys, &database).await;
            assert!(told.contains("access was refused: the keys are wrong"), "{told}");
            assert!(!told.contains("wr0ng") && !told.contains(SECRET_KEY) && !told.contains(ACCESS_KEY), "{told}");
        }
        let nobody = server.bucket("");
        server.stop().await;
        let told = refusal(nobody, &database).await;
        assert!(told.contains("Connection refused"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_written_while_the_server_is_away_and_everything_is_there_when_it_is_back() {
    on_every_database(async |database| {
        let mut shelf = Shelf::in_s3(database).await;
        let id = shelf.storage.put(new(b"before")).await.unwrap();
        let folder = shelf.folder.path().join("s3");
        let server = shelf.server.take().unwrap();
        let address = server.address;
        server.stop().await;
        let failure = shelf.storage.put(new(b"meanwhile")).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
        let failure = shelf.storage.bytes(id, None).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
        assert!(shelf.storage.probe().await.is_err());
        let rows = shelf.database.db.rows("SELECT id, error FROM assets", &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].get::<Option<String>>("error").unwrap(), None, "away is not lost");
        shelf.server = Some(Server::listen(&folder, address).await);
        assert_eq!(shelf.storage.bytes(id, None).await.unwrap().unwrap(), "before");
        shelf.storage.put(new(b"after")).await.unwrap();
        shelf.storage.probe().await.unwrap();
    })
    .await;
}
