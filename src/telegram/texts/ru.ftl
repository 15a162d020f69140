# Тексты бота по-русски. Ключи с «button-», «toast-», «command-», «name-», «notice-», «reason-», «unit-», «ask-»,
# «about-» и «file-» — простой текст, остальные — HTML, как его понимает Telegram.

### О боте

name-bot = Самовар
about-bot =
    Рисую картинки по описанию, меняю и увеличиваю фото, добавляю на них текст, распознаю голос. Всё работает на собственном сервере.

    Нажмите «Запустить» и опишите картинку.
about-bot-short = Картинки по описанию, правка фото и голос в текст на собственном сервере.

### Команды

command-menu = Главное меню
command-image = Нарисовать картинку по описанию
command-help = Что я умею и как просить
command-status = Как дела у задания: /status номер
command-ping = Проверить связь
command-history = Мои картинки
command-balance = Баланс и сколько осталось сегодня
command-settings = Язык, формат, модель, стиль
command-privacy = Что я храню и как долго
command-delete-me = Удалить мои данные
command-skip = Пропустить шаг
command-add-balance = Пополнить баланс: номер или ответ, сумма, причина
command-level = Назначить уровень: номер или ответ, уровень
command-stats = Сегодняшние числа
command-queue = Очередь
command-providers = Провайдеры и их ключи
command-broadcast = Написать всем
command-pause = Не принимать новые задания
command-resume = Снова принимать задания

### Режимы

button-create = 🎨 Создать
button-write = ✍️ Написать
button-change = ✏️ Изменить
button-add-text = 📝 Добавить текст
button-upscale = ⬆️ Улучшить
button-voice = 🎙 Голос в текст
button-history = 🗂 История
button-profile = 👤 Профиль
button-settings = ⚙️ Настройки
button-info = ℹ️ Info
button-menu = ‹ Меню
button-back = ‹ Назад

### Начало

start =
    Привет, <b>{ $name }</b>! Я рисую картинки по описанию, меняю и увеличиваю фото, добавляю на них текст. Всё работает на собственном сервере.

    { $left }

    Просто опишите картинку — или выберите действие.
menu =
    { $left }

    Опишите картинку или выберите действие.
left-free =
    { $left ->
        [one] Сегодня осталась <b>{ $left }</b> бесплатная картинка из { $limit }.
        [few] Сегодня остались <b>{ $left }</b> бесплатные картинки из { $limit }.
       *[other] Сегодня осталось <b>{ $left }</b> бесплатных картинок из { $limit }.
    } Баланс: <b>{ $balance }</b>.
left-used-up = Бесплатные картинки на сегодня закончились ({ $limit } из { $limit }), следующая стоит { $price }. Баланс: <b>{ $balance }</b>.
left-paid = Картинка стоит { $price }. Баланс: <b>{ $balance }</b>.
left-unlimited = Картинки для вас бесплатны.
start-group = Привет! Попросите картинку так: <code>/image рыжий кот в скафандре</code>. Или ответьте мне на сообщение, или упомяните меня по имени.
start-group-word = Ещё я отзываюсь на слово «{ $word }» в начале сообщения.
start-group-privacy = Слово «{ $word }» заработает, если сделать меня администратором; команда /image работает всегда.
anonymous = Не вижу, кто просит. Напишите от своего имени, а не от имени группы или канала.
image-usage = Напишите после команды, что нарисовать: <code>/image рыжий кот в скафандре, акварель</code>.

### Помощь

help =
    <b>Что я умею</b>
    { $modes }

    <b>Строка с параметрами</b>
    <code>Изображение маяк в шторм | model=flux | size=832x1216 | seed=7</code>
    Параметры: <code>model</code> (модель), <code>size</code> (размер), <code>aspect_ratio</code> (формат: 1:1, 16:9, портрет), <code>negative</code> (негатив — чего не рисовать), <code>seed</code>, <code>steps</code> (шаги), <code>guidance</code>, <code>n</code> (сколько картинок). Чтобы написать саму черту, поставьте перед ней обратную: <code>\|</code>.

    <b>Команды</b>
    /menu — главное меню
    /history — ваши картинки
    /balance — баланс и остаток на сегодня
    /status — как дела у задания
    /settings — язык, формат, модель, стиль
    /privacy — что хранится и как долго

    Списываю, только когда результат дошёл до вас. За ошибки и отмены не беру ничего.
help-create = 🎨 <b>Создать</b> — картинка по описанию. В личном чате достаточно просто написать его.
help-write = ✍️ <b>Написать</b> — подробный промпт из пары слов.
help-change = ✏️ <b>Изменить</b> — от 1 до 4 фото и слова, что изменить.
help-add-text = 📝 <b>Добавить текст</b> — надпись на картинке: в несколько строк и с эмодзи.
help-upscale = ⬆️ <b>Улучшить</b> — картинка в 2 или в 4 раза больше.
help-voice = 🎙 <b>Голос в текст</b> — пришлите голосовое, аудио или видеосообщение.

### Создать

create-ask =
    🎨 Опишите картинку одним сообщением.
    Например: <i>рыжий кот в скафандре, акварель</i>.
button-portrait = Портрет
button-square = Квадрат
button-landscape = Горизонтальный
button-chosen = ✓ { $label }
button-model = Модель: { $model } ▸
button-style = Стиль: { $style } ▸
button-model-auto = Авто
button-prompt-help = ✍️ Помочь с промптом
button-earlier = ‹
button-later = ›
button-job = №{ $job }
button-page = { $page }/{ $pages }
models =
    <b>Модель</b>
    «Авто» — кто свободен и лучше подходит. Чужие серверы отвечают, только если свой не может или вы выбрали их сами.
models-none = Других моделей сейчас нет.
styles = <b>Стиль</b> добавляет к описанию несколько слов.
name-style-none = Без стиля
name-style-photo = Фото
name-style-anime = Аниме
name-style-water = Акварель
name-style-oil = Масло
name-style-pixel = Пиксель-арт
name-style-3d = 3D
name-style-sketch = Карандаш
name-style-cinema = Кино
name-style-flat = Логотип
name-style-comic = Комикс
name-style-fantasy = Фэнтези

### Написать

write-ask =
    ✍️ Напишите в паре слов, что должно быть на картинке, — получите подробный промпт.
    Например: <i>девушка на пляже</i>.
write-result =
    ✍️ Готовый промпт:
    <blockquote expandable>{ $prompt }</blockquote>
button-use-prompt = ✅ Создать так
button-another-prompt = 🔁 Другой вариант
button-own-prompt = ✏️ Свой текст
button-copy-prompt = Копировать промпт

### Изменить

change-ask =
    ✏️ Пришлите от 1 до 4 фото и напишите, что изменить. Можно одним сообщением: фото с подписью.
    Например: <i>убери фон</i> или <i>пусть небо станет закатным</i>.
change-words = Получил { $photos } фото. Теперь напишите, что изменить, или пришлите ещё (до { $most }).
change-full = Уже { $most } фото, больше взять не могу. Напишите, что изменить.
change-photo-first = Сначала пришлите фото, потом — что изменить.
change-result-ask = ✏️ Напишите, что изменить на этой картинке.

### Добавить текст

text-ask-picture = 📝 Пришлите картинку, на которую добавить текст.
text-ask-words = Теперь пришлите сам текст. Можно в несколько строк и с эмодзи.
text-ask-style =
    Как оформить? Напишите своими словами или нажмите «Как обычно».
    Например: <i>крупный белый текст в центре, на чёрной плашке</i> или <i>72px снизу, отступ 10 %</i>.
text-too-long = Текст длиннее { $most } знаков не поместится. Пришлите короче.
text-picture-first = Сначала пришлите картинку, потом текст.
button-usual = Как обычно

### Улучшить

upscale-ask = ⬆️ Пришлите картинку — верну её в 2 или в 4 раза больше. Лучше файлом: так Telegram её не сожмёт.
upscale-how-much = Во сколько раз увеличить?
button-upscale-by = ⬆️ Улучшить ×{ $scale }
button-times = ×{ $scale }

### Голос в текст

voice-ask = 🎙 Пришлите голосовое, аудио или видеосообщение — верну текст.
voice-result =
    🎙 <b>{ $duration }</b>
    { $text }
voice-file = 🎙 <b>{ $duration }</b>. Текст длинный, поэтому файлом. Начало: { $text }
voice-empty = 🎙 Слов не расслышал: здесь тишина, музыка или шум.
voice-part = <i>{ $part } из { $parts }</i>
file-transcript = текст-{ $job }.txt
button-text-file = 📄 Текст файлом

### Фото без слов

photo-menu = Что сделать с этой картинкой?
photos-menu-any = Что сделать с этими картинками?
document-unknown = С такими файлами я не работаю. Пришлите картинку, голосовое или аудио.

mode-unserved = «{ $mode }» сейчас недоступно: никто из исполнителей не готов это сделать.
session-expired = Прошло много времени, и я забыл, на чём мы остановились. Начнём сначала: /menu.

### Как идёт задание

queued = ⏳ Задание №{ $job }. Вы { $position }-й в очереди.
queued-eta = ⏳ Задание №{ $job }. Вы { $position }-й в очереди, ждать { $eta }.
starting = ⏳ Задание №{ $job }. Начинаю…
loading = ⚙️ Загружаю модель { $model }…
name-doing-draw = 🎨 Рисую
name-doing-write = ✍️ Пишу
name-doing-change = ✏️ Меняю
name-doing-letter = 📝 Добавляю текст
name-doing-upscale = ⬆️ Улучшаю
name-doing-listen = 🎙 Слушаю
running = { $doing }…
running-steps = { $doing }: шаг { $step } из { $of } ({ $percent } %).
running-steps-eta = { $doing }: шаг { $step } из { $of } ({ $percent } %), ещё { $eta }.
running-percent = { $doing }: { $percent } %.
running-percent-eta = { $doing }: { $percent } %, ещё { $eta }.
sending = 📤 Отправляю…
button-cancel = ✖ Отменить
button-cancel-job = ✖ Отменить №{ $job }

### Результат

caption-free = Бесплатно: { $used } из { $limit } сегодня
caption-charged = Списано { $price }, баланс { $balance }
caption-charged-free = Списано { $price }, баланс { $balance }; бесплатно: { $used } из { $limit } сегодня
caption-answered-by = ☁️ Ответил { $provider }: { $reason }
caption-answered-by-choice = ☁️ Ответил { $provider }
caption-notice = ⚠️ { $notice }
sent-as-file = Картинка слишком большая для фото, отправил файлом.
as-file = { $model } · { $width }×{ $height } · { $size }
pick-variant = Выберите вариант:
button-again = 🔁 Ещё раз
button-variations = 🎲 Вариации
button-variations-cost =
    { $cost ->
        [one] 🎲 Вариации · { $cost } запрос
        [few] 🎲 Вариации · { $cost } запроса
       *[other] 🎲 Вариации · { $cost } запросов
    }
button-variations-price = 🎲 Вариации · { $price }
button-more-variations = 🔁 Ещё { $count }
button-nth = { $nth }
button-format = 📐 Формат ▸
button-png = 📄 Файл PNG
button-png-short = 📄 PNG
button-more = ⋯ Ещё ▸
button-copy-seed = Копировать seed
button-same-seed = Тот же seed, новый текст
button-complain = ⚠️ Пожаловаться
button-delete = 🗑 Удалить
button-open-bot = Открыть в боте
same-seed-ask = Напишите новое описание — нарисую с тем же seed { $seed }.
ask-prompt = Опишите картинку

### Деньги

pay-confirm =
    Бесплатные запросы на сегодня закончились ({ $limit } из { $limit }).
    Создать за <b>{ $price }</b>? Баланс: { $balance }.
pay-confirm-paid = Это стоит <b>{ $price }</b>. Создать? Баланс: { $balance }.
pay-confirm-part =
    Бесплатно осталось { $left } из нужных { $needed }, остальное — за <b>{ $price }</b>. Создать? Баланс: { $balance }.
button-pay = Создать за { $price }
button-no = Отмена
nothing-charged = Ничего не списано.

### Что пошло не так

cancelled = ✖ Отменено.
failed = { $sentence } Ничего не списано. Задание №{ $job }.
failed-no-job = { $sentence } Ничего не списано.
failure-empty-prompt = Не вижу описания: напишите, что нарисовать.
failure-long-prompt = Описание слишком длинное: принимаю до { $most } знаков.
failure-model-name = Такой модели не бывает. Выберите её кнопкой.
failure-size = Такой размер не нарисовать: стороны от { $least } до { $most } и делятся на { $step }.
failure-steps = Шагов может быть от 1 до { $most }.
failure-count = За раз рисую от 1 до { $most } картинок.
failure-seed = Seed — целое число от 0 до { $most }.
failure-guidance = Guidance может быть от 0 до 50.
failure-strength = Сила изменения — число больше 0 и до 1.
failure-strength-steps = При такой силе изменения не остаётся ни одного шага: увеличьте силу или число шагов.
failure-mask = Маска должна быть того же размера, что и картинка.
failure-scale = Увеличиваю в 2 или в 4 раза.
failure-no-file = Не хватает файла: пришлите его ещё раз.
failure-many-files = Слишком много файлов: можно не больше { $most }.
failure-bad-picture = Не смог открыть эту картинку. Пришлите PNG, JPEG или WebP.
failure-bad-sound = Не смог прочитать этот звук. Пришлите голосовое, MP3, OGG, M4A или WAV.
failure-file-gone = Файл уже удалён с сервера. Пришлите его ещё раз.
failure-parent = Не вышла первая часть этого задания, поэтому и вторая не выполнена.
failure-language = Такого языка не знаю.
failure-long-text = Текст слишком длинный: принимаю до { $most } знаков.
failure-invalid = Так не получится: что-то в запросе не сходится. Попробуйте иначе.
failure-too-big-picture = Картинка слишком большая: принимаю до 40 мегапикселей и 20 МБ.
failure-too-big-sound = Запись слишком большая: принимаю до 4 часов и 200 МБ.
failure-too-big = Это больше, чем я могу принять. Пришлите поменьше.
failure-missing = Этой модели здесь сейчас нет. Выберите другую.
failure-memory = Серверу не хватило памяти. Попробуйте размер поменьше.
failure-crashed = Движок остановился посреди работы. Попробуйте ещё раз.
failure-timeout = Ответа так и не дождался. Попробуйте ещё раз.
failure-busy = Сейчас слишком много заданий. Попробуйте чуть позже.
failure-busy-until = Сейчас слишком много заданий. Попробуйте через { $wait }.
failure-bad-output = Модель не справилась с этим запросом. Измените описание или попробуйте ещё раз.
failure-policy = Такой запрос я не выполняю. Измените описание.
failure-remote-key = { $provider } сейчас не принимает наши запросы.
failure-remote-rate = { $provider } просит подождать. Попробуйте чуть позже.
failure-remote-rate-until = { $provider } просит подождать. Попробуйте через { $wait }.
failure-remote-geo = { $provider } не обслуживает страну, в которой стоит сервер.
failure-remote-loading = { $provider } ещё загружает модель. Попробуйте чуть позже.
failure-remote-loading-until = { $provider } ещё загружает модель. Попробуйте через { $wait }.
failure-remote-busy = { $provider } перегружен или не отвечает. Попробуйте чуть позже.
failure-remote-invalid = { $provider } не принимает такой запрос. Измените описание или размер.
failure-remote-too-big = Для { $provider } это слишком большой файл или текст.
failure-remote-gone = У { $provider } больше нет этой модели. Выберите другую.
failure-remote-timeout = { $provider } не ответил вовремя. Попробуйте ещё раз.
failure-remote-bad-response = { $provider } ответил так, что не разобрать. Попробуйте ещё раз.
failure-unavailable = База данных или хранилище сейчас недоступны. Попробуйте через минуту.
failure-quota = На сегодня всё: { $limit } из { $limit }. Это стоит { $price }, а на балансе { $balance }. Лимит обновится в 00:00 по Москве (через { $reset }).
quota-over = На сегодня всё: { $limit } из { $limit }. Это стоит { $price }, а на балансе { $balance }. Лимит обновится в 00:00 по Москве (через { $reset }). Ничего не списано.
quota-paid = Это стоит { $price }, а на балансе { $balance }. Ничего не списано.
failure-quota-paid = Это стоит { $price }, а на балансе { $balance }.
failure-forbidden = На вашем уровне это недоступно. Выберите другую модель.
failure-cancelled = Задание отменено.
failure-exhausted = Сейчас это никто не может выполнить. Попробуйте позже.
failure-internal = У меня что-то сломалось. Попробуйте ещё раз.
file-too-large = Файл больше 20 МБ — Telegram не даёт боту его скачать. Пришлите короче или сжатый. Ничего не списано.
unsure-message = Не уверен, что моё последнее сообщение дошло.
unsure = Не уверен, что результат задания №{ $job } дошёл. Пока не дойдёт, ничего не списано.
message-unread = Не смог прочитать сообщение. Пришлите обычным текстом.
late-prompt = Я был недоступен. Сделать это сейчас? «{ $prompt }»
paused = Сейчас не принимаю новые задания: идут работы. Попробуйте позже. Ничего не списано.
unknown-command = Такой команды нет. Что я умею: /help.
duplicate = Это описание вы только что прислали, оно уже в работе.
rules =
    <b>Чего я не делаю</b>
    • сексуальные и жестокие изображения, тем более с детьми;
    • «раздевание» и подделки с лицами настоящих людей;
    • призывы к насилию, документы и деньги.
    Остальное — пожалуйста.
button-retry = 🔁 Повторить
button-run-again = 🔁 Запустить снова
button-report = Сообщить
button-edit-prompt = ✏️ Изменить
button-rules = Правила
button-resend = 📤 Прислать ещё раз
button-run-late = 🎨 Создать
button-drop = Не надо
button-fix = Исправить
button-other-model = Другая модель
ask-fix = Исправьте и пришлите

toast-foreign = Это кнопка другого участника.
toast-old = Кнопка устарела, откройте /menu
toast-stopping = ✖ Останавливаю…
toast-already-over = Это задание уже закончено.
toast-taken = Принято
toast-saved = Запомнил
toast-deleted = Удалил
toast-complained = Спасибо, передал администратору.
toast-reported = Спасибо, передал администратору.
toast-sending = 📤 Отправляю…
toast-unserved = Сейчас это никто не может сделать.
toast-failed = У меня что-то сломалось. Попробуйте ещё раз.
toast-admins-only = Это только для администраторов.
toast-picture-gone = Этой картинки на сервере уже нет.

### Строка с параметрами

advanced-key = Не понял «{ $key }». Доступно: { $available }.
advanced-value = Не понял «{ $key }={ $value }». Доступно: { $available }.
advanced-model = Не понял «{ $key }={ $value }»: такой модели нет. Доступно: { $available }.
advanced-pair = Не понял «{ $part }»: нужно написать ключ=значение. Доступно: { $available }.
advanced-twice = «{ $key }» указано дважды.
advanced-no-prompt = Нет описания. Напишите его сразу после слова «Изображение».
name-range = от { $least } до { $most }
name-multiple = например 832x1216: стороны от { $least } до { $most }, кратные { $step }
name-any-text = любой текст
notice-size-wins = Указаны и размер, и формат: взят размер { $size }.

### /status, /ping, /history

status-usage = Напишите номер задания: <code>/status 123</code>.
status-unknown = Задания №{ $job } у вас нет.
status-none = Сейчас у вас нет заданий в работе.
status-done = ✅ Задание №{ $job } готово { $when }.
status-failed = Задание №{ $job } не получилось. { $sentence } Ничего не списано.
status-cancelled = ✖ Задание №{ $job } отменено. Ничего не списано.
ping = 🟢 Бот { $bot } мс · сервер { $server } мс · очередь { $queue }
ping-down = 🔴 Бот { $bot } мс · сервер не отвечает
history = <b>Ваши задания</b> · { $page } из { $pages }
history-line = №{ $job } · { $when } · { $what }
history-empty = Здесь будут ваши картинки. Пока пусто: опишите первую!
history-gone = Задания №{ $job } в истории нет.

### Профиль

profile =
    👤 <b>{ $name }</b>
    Уровень: { $level }
    Баланс: <b>{ $balance }</b>
profile-today = <b>Бесплатно сегодня</b>
profile-task = { $task }: { $left } из { $limit }, дальше { $price }
profile-task-paid = { $task }: { $price }
profile-task-unlimited = { $task }: без ограничений
profile-task-model = · { $model }: { $price }
profile-resets = Бесплатное обновится в 00:00 по Москве (через { $reset }).
profile-movements = <b>Последние операции</b>
profile-movement = { $when } · { $amount } · { $why }
name-movement-start = подарок новому пользователю
name-movement-topup = пополнение
name-movement-hold = задание
name-movement-release = возврат
name-level-user = пользователь
name-level-subscriber = подписчик
name-level-admin = администратор
name-task-image-generate = Картинка
name-task-image-edit = Изменение фото
name-task-image-letter = Текст на картинке
name-task-image-upscale = Улучшение
name-task-image-describe = Описание картинки
name-task-speech-transcribe = Голос в текст
name-task-speech-synthesize = Озвучивание
name-task-text-write = Промпт
name-task-text-translate = Перевод
name-task-video-generate = Видео

### Настройки

settings =
    ⚙️ <b>Настройки</b>
    Язык: { $lang }
    Формат: { $format }
    Модель: { $model }
    Стиль: { $style }
    Картинки: { $sends }
name-lang-ru = Русский
name-lang-en = English
name-sends-photo = фотографией
name-sends-file = файлом PNG
button-as-photo = Фото
button-as-file = Файл PNG
privacy =
    <b>Что я храню</b>
    • Ваш номер и имя в Telegram, язык и настройки.
    • Описания и параметры заданий — для истории и кнопок под картинками.
    • Готовые картинки и тексты — { $days ->
        [one] { $days } день
        [few] { $days } дня
       *[other] { $days } дней
    }, присланные вами файлы — { $hours ->
        [one] { $hours } час
        [few] { $hours } часа
       *[other] { $hours } часов
    }.
    • Операции по балансу.

    Всё считается на собственном сервере. Если он не может, описание и файлы уходят внешнему исполнителю; под результатом всегда написано, кто ответил.

    Удалить всё: /delete_me.
delete-me-confirm =
    Удалить историю, настройки, картинки и всё, что вы присылали? Это нельзя отменить.
    Баланс <b>{ $balance }</b> останется за вами: записи об операциях нужны для учёта.
delete-me-done = Готово, ваши данные удалены. Напишите /start, если захотите вернуться.
delete-me-busy = Сначала дождитесь заданий в работе или отмените их.
button-delete-me = 🗑 Удалить мои данные
skip-nothing = Сейчас нечего пропускать.
balance-added = 💰 Ваш баланс пополнен на <b>{ $amount }</b>. Теперь на нём { $balance }.
balance-added-reason = 💰 Ваш баланс пополнен на <b>{ $amount }</b> ({ $reason }). Теперь на нём { $balance }.
balance-taken = С вашего баланса снято <b>{ $amount }</b>. Теперь на нём { $balance }.
balance-taken-reason = С вашего баланса снято <b>{ $amount }</b> ({ $reason }). Теперь на нём { $balance }.
level-changed = Ваш уровень теперь: <b>{ $level }</b>.

### Для администраторов

admins-only = Эта команда только для администраторов.
add-balance-usage = Так: <code>/add_balance 123456789 500 причина</code>, или ответом на сообщение: <code>/add_balance 500 причина</code>. Сумма в рублях; с минусом — снять.
add-balance-confirm = Изменить баланс <b>{ $who }</b> на <b>{ $amount }</b>? Сейчас там { $balance }.
add-balance-confirm-reason = Изменить баланс <b>{ $who }</b> на <b>{ $amount }</b> ({ $reason })? Сейчас там { $balance }.
add-balance-done = ✅ Баланс <b>{ $who }</b>: { $balance } ({ $amount }).
add-balance-repeated = Это уже сделано раньше: баланс <b>{ $who }</b> — { $balance }.
add-balance-not-told = Написать об этом не получилось: бот заблокирован или с ним не начинали разговор.
add-balance-too-low = Нельзя: на балансе только { $balance }.
level-usage = Так: <code>/level 123456789 subscriber</code>, или ответом на сообщение. Уровни: user, subscriber, admin; auto — как настроено.
level-done = ✅ Уровень <b>{ $who }</b>: { $level }.
stats =
    <b>Сегодня</b>
    Заданий: { $jobs } · готово { $done } · не вышло { $failed } · отменено { $cancelled }
    Людей: { $people } · новых { $new }
    Списано: { $charged }
    Ответил сервер: { $local } · внешние: { $remote }
stats-all = Всего людей: { $people } · заблокировали бота: { $blocked }
queue = <b>Очередь</b>: ждут { $queued } · в работе { $running }
queue-empty = Очередь пуста.
queue-line = №{ $job } · { $task } · { $state } · { $who }
queue-more = …и ещё { $more }
name-state-queued = ждёт
name-state-running = в работе
name-state-done = готово
name-state-failed = не вышло
name-state-cancelled = отменено
providers = <b>Провайдеры</b>
providers-none = Ни у одного провайдера нет ключа: отвечает только этот сервер.
provider-line = { $mark } <b>{ $title }</b>: { $keys }
provider-line-rests = { $mark } <b>{ $title }</b>: { $keys } · отдыхает ещё { $rests }
name-keys = ключей готово { $ready }, отдыхает { $resting }, отключено { $retired }
name-no-keys = без ключей
broadcast-usage = Напишите текст после команды — <code>/broadcast текст</code> — или ответьте этой командой на сообщение.
broadcast-confirm = Отправить это <b>{ $people ->
        [one] { $people } человеку
       *[other] { $people } людям
    }</b>?
broadcast-progress = 📣 Отправлено { $sent } из { $people }…
broadcast-done = 📣 Готово: дошло { $sent }, заблокировали бота { $blocked }, не вышло { $failed }. Заняло { $time }.
broadcast-running = Другая рассылка ещё идёт.
button-broadcast = 📣 Отправить
button-confirm = Подтвердить
toast-confirmed-already = Это уже решено.
refused = Отменил, ничего не изменилось.
pause-done = ⏸ Новые задания не принимаю. Те, что есть, доделаю. Снова принимать: /resume.
pause-already = Приём уже остановлен. Снова принимать: /resume.
resume-done = ▶️ Снова принимаю задания.
resume-already = Приём и так идёт.
alert-crash = 🔴 Движок упал: { $reason }. Перезапускаю, задания пойдут дальше по цепочке.
alert-keys = 🔴 { $provider }: не осталось рабочих ключей. Посмотреть: /providers.
alert-disk = 🔴 Мало места на диске: свободно { $free } из { $total }.
alert-complaint = ⚠️ Жалоба от { $who } на задание №{ $job }: { $what }
alert-report = ⚠️ { $who } сообщает об ошибке в задании №{ $job } ({ $class }).

### Числа и время

unit-about-seconds =
    { $n ->
        [one] около { $n } секунды
       *[other] около { $n } секунд
    }
unit-about-minutes =
    { $n ->
        [one] около { $n } минуты
       *[other] около { $n } минут
    }
unit-about-hours =
    { $n ->
        [one] около { $n } часа
       *[other] около { $n } часов
    }
unit-seed = seed { $seed }
unit-moment = пару секунд
unit-seconds = { $n } с
unit-minutes = { $n } мин
unit-minutes-seconds = { $minutes } мин { $seconds } с
unit-hours = { $n } ч
unit-hours-minutes = { $hours } ч { $minutes } мин
unit-bytes = { $n } Б
unit-kilobytes = { $n } КБ
unit-megabytes = { $n } МБ
unit-gigabytes = { $n } ГБ
unit-date =
    { $day } { $month ->
        [1] янв
        [2] фев
        [3] мар
        [4] апр
        [5] мая
        [6] июн
        [7] июл
        [8] авг
        [9] сен
        [10] окт
        [11] ноя
       *[12] дек
    } { $year }, { $time }

### Замечания к ответам

notice-control = Из описания убраны управляющие символы.
notice-control-negative = Из негатива убраны управляющие символы.
notice-prompt-cut = Описание длиннее, чем читает модель: взято его начало.
notice-prompt-cut-remote = { $provider } читает до { $most } знаков описания: взято его начало.
notice-scaled = Ваша картинка { $from } уменьшена до { $to }.
notice-resized = Ваша картинка { $from } приведена к размеру { $to }.
notice-size = { $provider } рисует { $to } — ближайший размер к { $from }.
notice-sent-size = Картинка ушла к { $provider } размером { $to }: больше он не принимает.
notice-encoders = Памяти мало: часть модели выгружалась по ходу работы.
notice-tiny-decoder = Памяти мало: детали чуть мягче обычного.
notice-tiled = Памяти мало: картинка собрана из частей.
notice-demo-speech = Это учебная модель: она узнаёт только свои записи, для другой речи слова придумывает. Настоящую ставят на сервере: scripts/fetch_models.sh { $model }
notice-one-reading = Памяти мало: текст может быть чуть менее точным.
notice-not-made-out = Не разобрал, что сказано через { $time } от начала.
notice-not-translated = Перевести описание на английский не вышло, а { $model } лучше понимает английский.
notice-other-model = Просили { $asked }, ответила { $answered }.
notice-model-gone = Модели { $asked } больше нет, ответила { $answered }.
notice-fewer = Вышло картинок: { $made } из { $asked }.
notice-other-sound = Звук пришёл в формате { $made } вместо { $asked }.
notice-style = Не понял, как оформить: { $part }.
notice-small-letters = Текст поместился только мелкими буквами ({ $px } пикс.).
notice-no-signs = В шрифтах нет таких знаков: { $signs }.
reason-memory = нашему серверу не хватило памяти
reason-missing = на нашем сервере нет этой модели
reason-busy = наш сервер занят
reason-crashed = наш движок остановился
reason-timeout = первый исполнитель не успел
reason-bad-output = у нашей модели не вышло
reason-remote = { $provider } не смог
reason-first = первый исполнитель не смог
