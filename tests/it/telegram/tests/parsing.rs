//! What the fake says, read by a client that Rust bots use.

use super::{Bot as Hand, picture};
use crate::telegram::{Attachment, Kind, Standing};
use serde_json::json;
use teloxide::payloads::{GetUpdatesSetters, SendMessageSetters, SendPhotoSetters};
use teloxide::prelude::{Bot, ChatId, Requester};
use teloxide::types::{
    BotCommand, ChatAction, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, InputMedia, InputMediaPhoto,
    MessageEntityKind, MessageKind, ParseMode, ReplyParameters, Update, UpdateKind,
};
use teloxide::{ApiError, RequestError};

impl Hand {
    fn teloxide(&self) -> Bot {
        let url = reqwest::Url::parse(self.api.url()).unwrap();
        Bot::with_client(self.api.token(), self.client.clone()).set_api_url(url)
    }
}

fn error(error: RequestError) -> ApiError {
    match error {
        RequestError::Api(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn messages_that_are_sent_are_understood() {
    let hand = Hand::start().await;
    let (anna, bot) = (hand.friend().await, hand.teloxide());
    let chat = ChatId(anna.chat);
    let me = bot.get_me().await.unwrap();
    assert_eq!(me.username(), hand.api.bot_name());
    let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Ещё", "1|again|a")]]);
    let sent =
        bot.send_message(chat, "🐈 <b>кот</b>").parse_mode(ParseMode::Html).reply_markup(keyboard).await.unwrap();
    let entities = sent.parse_entities().unwrap();
    assert_eq!((entities[0].kind().clone(), entities[0].text()), (MessageEntityKind::Bold, "кот"));
    assert!(sent.reply_markup().is_some());
    let photo = bot.send_photo(chat, InputFile::memory(picture(400, 200))).caption("кот");
    let photo = photo.reply_parameters(ReplyParameters::new(sent.id)).await.unwrap();
    let sizes = photo.photo().unwrap();
    assert_eq!((sizes.len(), sizes[2].width, photo.caption()), (3, 400, Some("кот")));
    assert_eq!(photo.reply_to_message().unwrap().id, sent.id);
    let document = InputFile::memory(picture(40, 20)).file_name("кот.png");
    let document = bot.send_document(chat, document).await.unwrap();
    assert_eq!(document.document().unwrap().file_name.as_deref(), Some("кот.png"));
    let item = || InputMedia::Photo(InputMediaPhoto::new(InputFile::memory(picture(30, 30))));
    let album = bot.send_media_group(chat, [item(), item()]).await.unwrap();
    assert!(album[0].media_group_id().is_some() && album[0].media_group_id() == album[1].media_group_id());
    let edited = bot.edit_message_text(chat, sent.id, "пёс").await.unwrap();
    assert_eq!((edited.text(), edited.edit_date().is_some()), (Some("пёс"), true));
    bot.edit_message_media(chat, sent.id, item()).await.unwrap();
    bot.send_chat_action(chat, ChatAction::UploadPhoto).await.unwrap();
    let file = bot.get_file(sizes[0].file.id.clone()).await.unwrap();
    assert_eq!(file.size, sizes[0].file.size);
    bot.set_my_commands([BotCommand::new("image", "Создать")]).await.unwrap();
    assert_eq!(bot.get_my_commands().await.unwrap().len(), 1);
    assert!(bot.get_chat(chat).await.unwrap().is_private());
    assert!(bot.get_chat_member(chat, me.id).await.unwrap().is_present());
    assert_eq!(hand.api.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_are_understood() {
    let hand = Hand::start().await;
    let (anna, bot) = (hand.friend().await, hand.teloxide());
    let chat = ChatId(anna.chat);
    let long = bot.send_message(chat, "я".repeat(4097)).await.unwrap_err();
    assert_eq!(error(long), ApiError::MessageIsTooLong);
    let data = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("b", "я".repeat(33))]]);
    let data = bot.send_message(chat, "a").reply_markup(data).await.unwrap_err();
    assert_eq!(error(data), ApiError::ButtonDataInvalid);
    let sent = bot.send_message(chat, "a").await.unwrap();
    let same = bot.edit_message_text(chat, sent.id, "a").await.unwrap_err();
    assert_eq!(error(same), ApiError::MessageNotModified);
    let picture = bot.send_photo(chat, InputFile::memory(&b"no picture"[..])).await.unwrap_err();
    assert_eq!(error(picture), ApiError::ImageProcessFailed);
    anna.blocks().await;
    assert_eq!(error(bot.send_message(chat, "a").await.unwrap_err()), ApiError::BotBlocked);
    let family = hand.api.group("Семья");
    let there = anna.within(&family);
    family.takes_bot(&there).await;
    let larger = family.becomes_supergroup().await;
    let moved = bot.send_message(ChatId(family.chat), "a").await.unwrap_err();
    assert!(matches!(moved, RequestError::MigrateToChatId(ChatId(to)) if to == larger.chat), "{moved}");
    hand.api.trouble(crate::telegram::Trouble::with("sendMessage", crate::telegram::Fault::TooMany(5)));
    let wait = bot.send_message(ChatId(larger.chat), "a").await.unwrap_err();
    assert!(matches!(wait, RequestError::RetryAfter(seconds) if seconds.seconds() == 5), "{wait}");
    let stranger = Bot::with_client("1:wrong", hand.client.clone()).set_api_url(hand.api.url().parse().unwrap());
    assert_eq!(error(stranger.get_me().await.unwrap_err()), ApiError::InvalidToken);
}

/// Everything that waits; none of it may be beyond the client.
async fn told(bot: &Bot) -> Vec<UpdateKind> {
    let updates: Vec<Update> = bot.get_updates().timeout(0).await.unwrap();
    let kinds: Vec<UpdateKind> = updates.iter().map(|update| update.kind.clone()).collect();
    for kind in &kinds {
        assert!(!matches!(kind, UpdateKind::Error(_)), "{kind:?}");
    }
    if let Some(last) = updates.last() {
        bot.get_updates().offset(i32::try_from(last.id.0).unwrap() + 1).await.unwrap();
    }
    kinds
}

#[tokio::test]
async fn everything_people_do_is_understood() {
    let hand = Hand::start().await;
    let (anna, bot) = (hand.user_with_name().await, hand.teloxide());
    let first = anna.sends("/start@samovar_bot j_1").await;
    anna.replies(&first, "ответ").await;
    anna.edits(&first, "иначе").await;
    anna.sends_photo(picture(200, 100), "кот").await;
    for kind in [Kind::Document, Kind::Audio, Kind::Voice, Kind::Video, Kind::Animation, Kind::VideoNote, Kind::Sticker]
    {
        anna.sends_file(Attachment::new(kind, &b"OggS"[..])).await;
    }
    anna.sends_album(vec![Attachment::photo(picture(20, 20)), Attachment::photo(picture(20, 20))]).await;
    anna.taps_data(&first, "1|again|a").await;
    anna.deletes(&first).await;
    anna.taps_data(&first, "1|again|a").await;
    anna.blocks().await;
    anna.unblocks().await;
    let kinds = told(&bot).await;
    assert_eq!(kinds.len(), 17);
    let messages = kinds.iter().filter_map(|kind| match kind {
        UpdateKind::Message(message) | UpdateKind::EditedMessage(message) => Some(message),
        _ => None,
    });
    for message in messages {
        assert!(matches!(message.kind, MessageKind::Common(_)), "{message:?}");
    }
    let taps = kinds.iter().filter(|kind| matches!(kind, UpdateKind::CallbackQuery(_))).count();
    let changes = kinds.iter().filter(|kind| matches!(kind, UpdateKind::MyChatMember(_))).count();
    assert_eq!((taps, changes), (2, 2));
}

#[tokio::test]
async fn what_the_client_does_not_know_is_empty() {
    let hand = Hand::start().await;
    let (anna, bot) = (hand.user_with_name().await, hand.teloxide());
    anna.sends_marked("завтра в пять", "date_time").await;
    anna.sends_something_new().await;
    for kind in told(&bot).await {
        let UpdateKind::Message(message) = kind else { panic!("{kind:?}") };
        assert!(matches!(message.kind, MessageKind::Empty {}), "{message:?}");
        assert_eq!(message.from.map(|user| user.first_name), Some("Анна".to_owned()));
    }
}

#[tokio::test]
async fn groups_are_understood() {
    let hand = Hand::start().await;
    let bot = hand.teloxide();
    hand.api.set_privacy(false);
    let (forum, family, news) = (hand.api.forum("Форум"), hand.api.group("Семья"), hand.api.channel("Новости"));
    let anna = hand.user_with_name().await;
    let (in_forum, in_family) = (anna.within(&forum), anna.within(&family));
    forum.takes_bot(&in_forum).await;
    let topic = forum.opens_topic(&in_forum, "Коты").await;
    in_forum.in_topic(topic).sends("в теме").await;
    forum.hidden_admin_sends("тайно").await;
    forum.passes_on(&news, "новость").await;
    forum.makes_bot(&in_forum, Standing::Administrator).await;
    forum.kicks_bot(&in_forum).await;
    family.takes_bot(&in_family).await;
    family.becomes_supergroup().await;
    news.takes_bot(&in_forum).await;
    news.posts("вышло").await;
    let kinds = told(&bot).await;
    assert_eq!(kinds.len(), 14);
    let in_topic = kinds.iter().find_map(|kind| match kind {
        UpdateKind::Message(message) if message.text() == Some("в теме") => Some(message),
        _ => None,
    });
    assert!(in_topic.is_some_and(|message| message.is_topic_message && message.thread_id.is_some()));
    for kind in &kinds {
        if let UpdateKind::Message(message) = kind {
            assert!(!matches!(message.kind, MessageKind::Empty {}), "{message:?}");
        }
    }
    assert!(matches!(kinds.last(), Some(UpdateKind::ChannelPost(_))));
}

impl Hand {
    async fn user_with_name(&self) -> crate::telegram::Person {
        self.api.user("Анна", "ru").called("anna")
    }
}

#[tokio::test]
async fn commands_of_a_scope_reach_the_fake() {
    use teloxide::payloads::SetMyCommandsSetters;
    use teloxide::types::BotCommandScope;
    let hand = Hand::start().await;
    let commands = hand.teloxide().set_my_commands([BotCommand::new("image", "Create")]);
    commands.scope(BotCommandScope::AllPrivateChats).language_code("en").await.unwrap();
    let kept = hand.api.commands(&json!({ "type": "all_private_chats" }), "en");
    assert_eq!(kept, json!([{ "command": "image", "description": "Create" }]));
}
