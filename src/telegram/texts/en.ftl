# Texts of the bot in English. Keys with "button-", "toast-", "command-", "name-", "notice-", "reason-", "unit-", "ask-",
# "about-" and "file-" are plain text, all others are HTML as Telegram understands it.

### About the bot

name-bot = Samovar
about-bot =
    I draw pictures from words, change and enlarge photos, put text on them and turn voice into text. Everything runs on our own server.

    Press “Start” and describe a picture.
about-bot-short = Pictures from words, photo editing and voice to text on our own server.

### Commands

command-menu = Main menu
command-image = Draw a picture from words
command-help = What I can do and how to ask
command-status = How a job is doing: /status number
command-ping = Check the connection
command-history = My pictures
command-balance = Balance and what is left today
command-settings = Language, format, model, style
command-privacy = What I keep and for how long
command-delete-me = Delete my data
command-skip = Skip a step
command-add-balance = Top up a balance: id or reply, amount, reason
command-level = Set a level: id or reply, level
command-stats = Numbers of today
command-queue = The queue
command-providers = Providers and their keys
command-broadcast = Write to everybody
command-pause = Take no new jobs
command-resume = Take jobs again

### Modes

button-create = 🎨 Create
button-write = ✍️ Write
button-change = ✏️ Change
button-add-text = 📝 Add text
button-upscale = ⬆️ Upscale
button-voice = 🎙 Voice to text
button-history = 🗂 History
button-profile = 👤 Profile
button-settings = ⚙️ Settings
button-info = ℹ️ Info
button-menu = ‹ Menu
button-back = ‹ Back

### Beginning

start =
    Hi, <b>{ $name }</b>! I draw pictures from words, change and enlarge photos and put text on them. Everything runs on our own server.

    { $left }

    Just describe a picture, or pick an action.
menu =
    { $left }

    Describe a picture or pick an action.
left-free =
    { $left ->
        [one] <b>{ $left }</b> free picture of { $limit } is left today.
       *[other] <b>{ $left }</b> free pictures of { $limit } are left today.
    } Balance: <b>{ $balance }</b>.
left-used-up = Today’s free pictures are used up ({ $limit } of { $limit }); the next one costs { $price }. Balance: <b>{ $balance }</b>.
left-paid = A picture costs { $price }. Balance: <b>{ $balance }</b>.
left-unlimited = Pictures are free for you.
start-group = Hi! Ask for a picture like this: <code>/image a ginger cat in a spacesuit</code>. Or reply to a message of mine, or mention me.
start-group-word = I also answer to the word “{ $word }” at the start of a message.
start-group-privacy = The word “{ $word }” works once I am an admin; /image always works.
anonymous = I cannot see who is asking. Write as yourself, not as the group or a channel.
image-usage = Say what to draw after the command: <code>/image a ginger cat in a spacesuit, watercolour</code>.

### Help

help =
    <b>What I can do</b>
    { $modes }

    <b>A line with parameters</b>
    <code>Image a lighthouse in a storm | model=flux | size=832x1216 | seed=7</code>
    Parameters: <code>model</code>, <code>size</code>, <code>aspect_ratio</code> (1:1, 16:9, portrait), <code>negative</code> (what not to draw), <code>seed</code>, <code>steps</code>, <code>guidance</code>, <code>n</code> (how many pictures). For a bar itself, put a backslash before it: <code>\|</code>.

    <b>Commands</b>
    /menu — main menu
    /history — your pictures
    /balance — balance and what is left today
    /status — how a job is doing
    /settings — language, format, model, style
    /privacy — what is kept and for how long

    You are charged only when a result has reached you. Failures and cancelled jobs cost nothing.
help-create = 🎨 <b>Create</b>: a picture from words. In a private chat it is enough to write them.
help-write = ✍️ <b>Write</b>: a detailed prompt from a few words.
help-change = ✏️ <b>Change</b>: 1 to 4 photos and words for what to change.
help-add-text = 📝 <b>Add text</b>: words on a picture, in several lines and with emoji.
help-upscale = ⬆️ <b>Upscale</b>: a picture twice or four times as large.
help-voice = 🎙 <b>Voice to text</b>: send a voice message, a sound or a video message.

### Create

create-ask =
    🎨 Describe the picture in one message.
    Example: <i>a ginger cat in a spacesuit, watercolour</i>.
button-portrait = Portrait
button-square = Square
button-landscape = Landscape
button-chosen = ✓ { $label }
button-model = Model: { $model } ▸
button-style = Style: { $style } ▸
button-model-auto = Auto
button-prompt-help = ✍️ Help me with the prompt
button-earlier = ‹
button-later = ›
button-job = #{ $job }
button-page = { $page }/{ $pages }
models =
    <b>Model</b>
    “Auto”: whoever is free and fits best. Servers of others answer only if our own cannot, or if you pick them.
models-none = There are no other models at the moment.
styles = A <b>style</b> adds a few words to the description.
name-style-none = No style
name-style-photo = Photo
name-style-anime = Anime
name-style-water = Watercolour
name-style-oil = Oil
name-style-pixel = Pixel art
name-style-3d = 3D
name-style-sketch = Pencil
name-style-cinema = Cinema
name-style-flat = Logo
name-style-comic = Comic
name-style-fantasy = Fantasy

### Write

write-ask =
    ✍️ Say in a few words what should be in the picture, and you get a detailed prompt.
    Example: <i>a girl on a beach</i>.
write-result =
    ✍️ Your prompt:
    <blockquote expandable>{ $prompt }</blockquote>
button-use-prompt = ✅ Create this
button-another-prompt = 🔁 Another one
button-own-prompt = ✏️ My own
button-copy-prompt = Copy prompt

### Change

change-ask =
    ✏️ Send 1 to 4 photos and say what to change. One message will do: photos with a caption.
    Example: <i>remove the background</i> or <i>make it a sunset sky</i>.
change-words =
    { $photos ->
        [one] Got { $photos } photo.
       *[other] Got { $photos } photos.
    } Now say what to change, or send more (up to { $most }).
change-full = That is { $most } photos already, I cannot take more. Say what to change.
change-photo-first = First send a photo, then say what to change.
change-result-ask = ✏️ Say what to change in this picture.

### Add text

text-ask-picture = 📝 Send the picture that the text goes on.
text-ask-words = Now send the text itself. Several lines and emoji are fine.
text-ask-style =
    How should it look? Say it in your own words, or press “As usual”.
    Example: <i>large white text in the centre on a black plate</i> or <i>72px bottom, 10% margin</i>.
text-too-long = A text of more than { $most } characters does not fit. Send a shorter one.
text-picture-first = First send the picture, then the text.
button-usual = As usual

### Upscale

upscale-ask = ⬆️ Send a picture and get it back twice or four times as large. Better as a file: then Telegram does not compress it.
upscale-how-much = How much larger?
button-upscale-by = ⬆️ Upscale ×{ $scale }
button-times = ×{ $scale }

### Voice to text

voice-ask = 🎙 Send a voice message, a sound or a video message, and get the text.
voice-result =
    🎙 <b>{ $duration }</b>
    { $text }
voice-file = 🎙 <b>{ $duration }</b>. The text is long, so here is a file. It begins: { $text }
voice-empty = 🎙 I heard no words: there is silence, music or noise.
voice-part = <i>{ $part } of { $parts }</i>
file-transcript = transcript-{ $job }.txt
button-text-file = 📄 Text as a file

### A photo without words

photo-menu = What shall I do with this picture?
photos-menu-any = What shall I do with these pictures?
document-unknown = I do not work with such files. Send a picture, a voice message or a sound.

mode-unserved = “{ $mode }” is not available at the moment: nobody is ready to do it.
session-expired = That was a long time ago, and I forgot where we were. Let us start over: /menu.

### How a job gets on

queued = ⏳ Job #{ $job }. You are number { $position } in line.
queued-eta = ⏳ Job #{ $job }. You are number { $position } in line, { $eta }.
starting = ⏳ Job #{ $job }. Starting…
loading = ⚙️ Loading the model { $model }…
name-doing-draw = 🎨 Drawing
name-doing-write = ✍️ Writing
name-doing-change = ✏️ Changing
name-doing-letter = 📝 Adding text
name-doing-upscale = ⬆️ Upscaling
name-doing-listen = 🎙 Listening
running = { $doing }…
running-steps = { $doing }: step { $step } of { $of } ({ $percent } %).
running-steps-eta = { $doing }: step { $step } of { $of } ({ $percent } %), { $eta } left.
running-percent = { $doing }: { $percent } %.
running-percent-eta = { $doing }: { $percent } %, { $eta } left.
sending = 📤 Sending…
button-cancel = ✖ Cancel
button-cancel-job = ✖ Cancel #{ $job }

### Result

caption-free = Free: { $used } of { $limit } today
caption-charged = Charged { $price }, balance { $balance }
caption-charged-free = Charged { $price }, balance { $balance }; free: { $used } of { $limit } today
caption-answered-by = ☁️ Answered by { $provider }: { $reason }
caption-answered-by-choice = ☁️ Answered by { $provider }
caption-notice = ⚠️ { $notice }
sent-as-file = Too large for a photo, sent as a file.
as-file = { $model } · { $width }×{ $height } · { $size }
pick-variant = Pick a variation:
button-again = 🔁 Again
button-variations = 🎲 Variations
button-variations-cost =
    { $cost ->
        [one] 🎲 Variations · { $cost } request
       *[other] 🎲 Variations · { $cost } requests
    }
button-variations-price = 🎲 Variations · { $price }
button-more-variations = 🔁 { $count } more
button-nth = { $nth }
button-format = 📐 Format ▸
button-png = 📄 PNG file
button-png-short = 📄 PNG
button-more = ⋯ More ▸
button-copy-seed = Copy seed
button-same-seed = Same seed, new text
button-complain = ⚠️ Complain
button-delete = 🗑 Delete
button-open-bot = Open in the bot
same-seed-ask = Write a new description; I will draw it with the same seed { $seed }.
ask-prompt = Describe the picture

### Money

pay-confirm =
    Today’s free requests are used up ({ $limit } of { $limit }).
    Create for <b>{ $price }</b>? Balance: { $balance }.
pay-confirm-paid = This costs <b>{ $price }</b>. Create? Balance: { $balance }.
pay-confirm-part =
    { $left } of { $needed } are free, the rest costs <b>{ $price }</b>. Create? Balance: { $balance }.
button-pay = Create for { $price }
button-no = Cancel
nothing-charged = Nothing was charged.

### What went wrong

cancelled = ✖ Cancelled.
failed = { $sentence } Nothing was charged. Job #{ $job }.
failed-no-job = { $sentence } Nothing was charged.
failure-empty-prompt = I see no description: say what to draw.
failure-long-prompt = The description is too long: I take up to { $most } characters.
failure-model-name = No model can have such a name. Pick one by its button.
failure-size = This size cannot be drawn: sides go from { $least } to { $most } and are divisible by { $step }.
failure-steps = There can be 1 to { $most } steps.
failure-count = I draw 1 to { $most } pictures at a time.
failure-seed = A seed is a whole number from 0 to { $most }.
failure-guidance = Guidance goes from 0 to 50.
failure-strength = Strength is a number above 0 and up to 1.
failure-strength-steps = At this strength there is not a single step left: raise the strength or the number of steps.
failure-mask = The mask must be of the same size as the picture.
failure-scale = I make pictures 2 or 4 times as large.
failure-no-file = A file is missing: send it again.
failure-many-files = There are too many files: { $most } at most.
failure-bad-picture = I could not open this picture. Send PNG, JPEG or WebP.
failure-bad-sound = I could not read this sound. Send a voice message, MP3, OGG, M4A or WAV.
failure-file-gone = The file is no longer on the server. Send it again.
failure-parent = The first part of this job did not work out, so the second was not done.
failure-language = I do not know this language.
failure-long-text = The text is too long: I take up to { $most } characters.
failure-invalid = This does not work: something in the request does not fit. Try it differently.
failure-too-big-picture = The picture is too large: I take up to 40 megapixels and 20 MB.
failure-too-big-sound = The recording is too large: I take up to 4 hours and 200 MB.
failure-too-big = This is more than I can take. Send something smaller.
failure-missing = This model is not here at the moment. Pick another one.
failure-memory = The server ran out of memory. Try a smaller size.
failure-crashed = The engine stopped in the middle of the work. Try again.
failure-timeout = There was no answer in time. Try again.
failure-busy = There are too many jobs right now. Try a little later.
failure-busy-until = There are too many jobs right now. Try again in { $wait }.
failure-bad-output = The model could not do this. Change the description or try again.
failure-policy = I can’t do this request. Please change it.
failure-remote-key = { $provider } does not take our requests at the moment.
failure-remote-rate = { $provider } asks to wait. Try a little later.
failure-remote-rate-until = { $provider } asks to wait. Try again in { $wait }.
failure-remote-geo = { $provider } does not serve the country of this server.
failure-remote-loading = { $provider } is still loading the model. Try a little later.
failure-remote-loading-until = { $provider } is still loading the model. Try again in { $wait }.
failure-remote-busy = { $provider } is overloaded or does not answer. Try a little later.
failure-remote-invalid = { $provider } does not take such a request. Change the description or the size.
failure-remote-too-big = This file or text is too large for { $provider }.
failure-remote-gone = { $provider } no longer has this model. Pick another one.
failure-remote-timeout = { $provider } did not answer in time. Try again.
failure-remote-bad-response = { $provider } gave an answer that cannot be used. Try again.
failure-unavailable = The database or the storage is away. Try again in a minute.
failure-quota = That’s all for today: { $limit } of { $limit }. This costs { $price }, and the balance is { $balance }. Resets at 00:00 Moscow time (in { $reset }).
quota-over = That’s all for today: { $limit } of { $limit }. This costs { $price }, and the balance is { $balance }. Resets at 00:00 Moscow time (in { $reset }). Nothing was charged.
quota-paid = This costs { $price }, and the balance is { $balance }. Nothing was charged.
failure-quota-paid = This costs { $price }, and the balance is { $balance }.
failure-forbidden = This is not available at your level. Pick another model.
failure-cancelled = The job was cancelled.
failure-exhausted = Nobody can do this right now. Try again later.
failure-internal = Something of mine broke. Try again.
file-too-large = The file is over 20 MB; Telegram does not let bots download it. Send a shorter or smaller one. Nothing was charged.
unsure-message = Not sure that my last message arrived.
unsure = Not sure that the result of job #{ $job } arrived. Until it does, nothing is charged.
message-unread = I could not read that message. Send it as plain text.
late-prompt = I was offline. Do it now? “{ $prompt }”
paused = I take no new jobs at the moment: maintenance. Try again later. Nothing was charged.
unknown-command = There is no such command. What I can do: /help.
duplicate = You have just sent this description, and it is being done.
rules =
    <b>What I do not do</b>
    • sexual and cruel pictures, least of all with children;
    • “undressing” and fakes with faces of real people;
    • calls to violence, documents and money.
    Anything else is welcome.
button-retry = 🔁 Try again
button-run-again = 🔁 Run it again
button-report = Report
button-edit-prompt = ✏️ Change
button-rules = Rules
button-resend = 📤 Send it again
button-run-late = 🎨 Create
button-drop = No, thanks
button-fix = Correct it
button-other-model = Another model
ask-fix = Correct it and send

toast-foreign = This button belongs to someone else.
toast-old = This button is out of date, open /menu
toast-stopping = ✖ Stopping…
toast-already-over = This job is over already.
toast-taken = Taken
toast-saved = Saved
toast-deleted = Deleted
toast-complained = Thank you, I told an administrator.
toast-reported = Thank you, I told an administrator.
toast-sending = 📤 Sending…
toast-unserved = Nobody can do this at the moment.
toast-failed = Something of mine broke. Try again.
toast-admins-only = This is for administrators only.
toast-picture-gone = This picture is no longer on the server.

### The line with parameters

advanced-key = I don’t know “{ $key }”. Available: { $available }.
advanced-value = I don’t know “{ $key }={ $value }”. Available: { $available }.
advanced-model = I don’t know “{ $key }={ $value }”: there is no such model. Available: { $available }.
advanced-pair = I don’t understand “{ $part }”: write key=value. Available: { $available }.
advanced-twice = “{ $key }” is there twice.
advanced-no-prompt = There is no description. Write it right after the word “Image”.
name-range = { $least } to { $most }
name-multiple = for example 832x1216: sides from { $least } to { $most }, divisible by { $step }
name-any-text = any text
notice-size-wins = There are both a size and a format: the size { $size } was taken.

### /status, /ping, /history

status-usage = Write the number of a job: <code>/status 123</code>.
status-unknown = You have no job #{ $job }.
status-none = You have no jobs in progress.
status-done = ✅ Job #{ $job } was done { $when }.
status-failed = Job #{ $job } did not work out. { $sentence } Nothing was charged.
status-cancelled = ✖ Job #{ $job } was cancelled. Nothing was charged.
ping = 🟢 Bot { $bot } ms · server { $server } ms · queue { $queue }
ping-down = 🔴 Bot { $bot } ms · the server does not answer
history = <b>Your jobs</b> · { $page } of { $pages }
history-line = #{ $job } · { $when } · { $what }
history-empty = Your pictures will be here. Describe the first one!
history-gone = There is no job #{ $job } in the history.

### Profile

profile =
    👤 <b>{ $name }</b>
    Level: { $level }
    Balance: <b>{ $balance }</b>
profile-today = <b>Free today</b>
profile-task = { $task }: { $left } of { $limit }, then { $price }
profile-task-paid = { $task }: { $price }
profile-task-unlimited = { $task }: unlimited
profile-task-model = · { $model }: { $price }
profile-resets = Free requests are back at 00:00 Moscow time (in { $reset }).
profile-movements = <b>Last movements</b>
profile-movement = { $when } · { $amount } · { $why }
name-movement-start = welcome gift
name-movement-topup = top-up
name-movement-hold = job
name-movement-release = given back
name-level-user = user
name-level-subscriber = subscriber
name-level-admin = administrator
name-task-image-generate = Picture
name-task-image-edit = Changing a photo
name-task-image-letter = Text on a picture
name-task-image-upscale = Upscaling
name-task-image-describe = Describing a picture
name-task-speech-transcribe = Voice to text
name-task-speech-synthesize = Text to speech
name-task-text-write = Prompt
name-task-text-translate = Translation
name-task-video-generate = Video

### Settings

settings =
    ⚙️ <b>Settings</b>
    Language: { $lang }
    Format: { $format }
    Model: { $model }
    Style: { $style }
    Pictures: { $sends }
name-lang-ru = Русский
name-lang-en = English
name-sends-photo = as photos
name-sends-file = as PNG files
button-as-photo = Photo
button-as-file = PNG file
privacy =
    <b>What I keep</b>
    • Your number and name in Telegram, language and settings.
    • Descriptions and parameters of jobs, for the history and the buttons under pictures.
    • Finished pictures and texts for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }, files that you sent for { $hours ->
        [one] { $hours } hour
       *[other] { $hours } hours
    }.
    • Movements of the balance.

    Everything is computed on our own server. If it cannot, the description and the files go to someone else; the result always says who answered.

    Delete everything: /delete_me.
delete-me-confirm =
    Delete the history, the settings, the pictures and everything you sent? This cannot be undone.
    The balance of <b>{ $balance }</b> stays yours: records of movements are needed for the books.
delete-me-done = Done, your data is deleted. Write /start if you want to come back.
delete-me-busy = First wait for the jobs in progress, or cancel them.
button-delete-me = 🗑 Delete my data
skip-nothing = There is nothing to skip.
balance-added = 💰 <b>{ $amount }</b> was added to your balance. It is { $balance } now.
balance-added-reason = 💰 <b>{ $amount }</b> was added to your balance ({ $reason }). It is { $balance } now.
balance-taken = <b>{ $amount }</b> was taken from your balance. It is { $balance } now.
balance-taken-reason = <b>{ $amount }</b> was taken from your balance ({ $reason }). It is { $balance } now.
level-changed = Your level is <b>{ $level }</b> now.

### For administrators

admins-only = This command is for administrators only.
add-balance-usage = Like this: <code>/add_balance 123456789 500 reason</code>, or in reply to a message: <code>/add_balance 500 reason</code>. The amount is in roubles; a minus takes away.
add-balance-confirm = Change the balance of <b>{ $who }</b> by <b>{ $amount }</b>? It is { $balance } now.
add-balance-confirm-reason = Change the balance of <b>{ $who }</b> by <b>{ $amount }</b> ({ $reason })? It is { $balance } now.
add-balance-done = ✅ The balance of <b>{ $who }</b> is { $balance } ({ $amount }).
add-balance-repeated = This was done before: the balance of <b>{ $who }</b> is { $balance }.
add-balance-not-told = I could not tell them: the bot is blocked, or they never wrote to it.
add-balance-too-low = Not possible: the balance is only { $balance }.
level-usage = Like this: <code>/level 123456789 subscriber</code>, or in reply to a message. Levels: user, subscriber, admin; auto is as configured.
level-done = ✅ The level of <b>{ $who }</b>: { $level }.
stats =
    <b>Today</b>
    Jobs: { $jobs } · done { $done } · failed { $failed } · cancelled { $cancelled }
    People: { $people } · new { $new }
    Charged: { $charged }
    Answered here: { $local } · by others: { $remote }
stats-all = People in all: { $people } · have blocked the bot: { $blocked }
queue = <b>Queue</b>: waiting { $queued } · in progress { $running }
queue-empty = The queue is empty.
queue-line = #{ $job } · { $task } · { $state } · { $who }
queue-more = …and { $more } more
name-state-queued = waiting
name-state-running = in progress
name-state-done = done
name-state-failed = failed
name-state-cancelled = cancelled
providers = <b>Providers</b>
providers-none = No provider has a key: only this server answers.
provider-line = { $mark } <b>{ $title }</b>: { $keys }
provider-line-rests = { $mark } <b>{ $title }</b>: { $keys } · rests for { $rests } more
name-keys = keys ready { $ready }, resting { $resting }, retired { $retired }
name-no-keys = no keys
broadcast-usage = Write the text after the command — <code>/broadcast text</code> — or reply to a message with it.
broadcast-confirm = Send this to <b>{ $people ->
        [one] { $people } person
       *[other] { $people } people
    }</b>?
broadcast-progress = 📣 Sent { $sent } of { $people }…
broadcast-done = 📣 Done: { $sent } arrived, { $blocked } have blocked the bot, { $failed } failed. It took { $time }.
broadcast-running = Another broadcast is still going on.
button-broadcast = 📣 Send
button-confirm = Confirm
toast-confirmed-already = This is settled already.
refused = Cancelled, nothing has changed.
pause-done = ⏸ I take no new jobs. Those that are here will be done. Take jobs again: /resume.
pause-already = Already paused. Take jobs again: /resume.
resume-done = ▶️ I take jobs again.
resume-already = I take jobs already.
alert-crash = 🔴 The engine crashed: { $reason }. It is being restarted, jobs go on down the chain.
alert-keys = 🔴 { $provider }: no working keys are left. Look: /providers.
alert-disk = 🔴 Little room on the disk: { $free } of { $total } free.
alert-complaint = ⚠️ Complaint of { $who } about job #{ $job }: { $what }
alert-report = ⚠️ { $who } reports a failure of job #{ $job } ({ $class }).

### Numbers and time

unit-about-seconds =
    { $n ->
        [one] about { $n } second
       *[other] about { $n } seconds
    }
unit-about-minutes =
    { $n ->
        [one] about { $n } minute
       *[other] about { $n } minutes
    }
unit-about-hours =
    { $n ->
        [one] about { $n } hour
       *[other] about { $n } hours
    }
unit-seed = seed { $seed }
unit-moment = a few seconds
unit-seconds = { $n } s
unit-minutes = { $n } min
unit-minutes-seconds = { $minutes } min { $seconds } s
unit-hours = { $n } h
unit-hours-minutes = { $hours } h { $minutes } min
unit-bytes = { $n } B
unit-kilobytes = { $n } KB
unit-megabytes = { $n } MB
unit-gigabytes = { $n } GB
unit-date =
    { $day } { $month ->
        [1] Jan
        [2] Feb
        [3] Mar
        [4] Apr
        [5] May
        [6] Jun
        [7] Jul
        [8] Aug
        [9] Sep
        [10] Oct
        [11] Nov
       *[12] Dec
    } { $year }, { $time }

### Notices of answers

notice-control = Control characters were removed from the description.
notice-control-negative = Control characters were removed from the negative prompt.
notice-prompt-cut = The description is longer than the model reads: its beginning was taken.
notice-prompt-cut-remote = { $provider } reads up to { $most } characters: the beginning of the description was taken.
notice-scaled = Your picture of { $from } was scaled to { $to }.
notice-resized = Your picture of { $from } was brought to { $to }.
notice-size = { $provider } draws { $to }, the nearest to { $from }.
notice-sent-size = The picture went to { $provider } at { $to }: it takes no larger ones.
notice-encoders = Memory is short: a part of the model was unloaded on the way.
notice-tiny-decoder = Memory is short: details are a little softer than usual.
notice-tiled = Memory is short: the picture was put together from parts.
notice-demo-speech = This is a demo model: it knows only its own clips and makes words up for other speech. A real one is installed on the server: scripts/fetch_models.sh { $model }
notice-one-reading = Memory is short: the text may be a little less exact.
notice-not-made-out = I could not make out what is said { $time } from the beginning.
notice-not-translated = The description was not translated into English, which { $model } understands better.
notice-other-model = { $asked } was asked for, { $answered } answered.
notice-model-gone = { $asked } is gone, { $answered } answered.
notice-fewer = { $made } of { $asked } pictures were made.
notice-other-sound = The sound came as { $made } instead of { $asked }.
notice-style = Not understood about the look: { $part }.
notice-small-letters = The text fits only in small letters ({ $px } px).
notice-no-signs = The fonts do not have these signs: { $signs }.
reason-memory = our server ran out of memory
reason-missing = our server does not have the model
reason-busy = our server is busy
reason-crashed = our engine stopped
reason-timeout = the first in line was too slow
reason-bad-output = our model did not manage
reason-remote = { $provider } could not
reason-first = the first in line could not
