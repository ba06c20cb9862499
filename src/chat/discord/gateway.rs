//! Discord's side of the door: what comes in is acknowledged at once and handed on.
//!
//! Lives here: the event handler, the first answer to every interaction (which needs nothing but the interaction itself), the
//! connection that is made anew for as long as the process lives. Never lives here: what is done about it (`door`).

use std::sync::Arc;
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use serenity::all::{
    ActionRowComponent, ChannelId, CommandInteraction, ComponentInteraction, ComponentInteractionDataKind, Context,
    CreateActionRow, CreateInputText, CreateInteractionResponse, CreateInteractionResponseMessage, CreateModal,
    EventHandler, GatewayIntents, GuildChannel, GuildId, Http, InputTextStyle, Interaction, Message, MessageId,
    ModalInteraction, PartialGuildChannel, Ready, ResumedEvent, Role,
};
use serenity::all::{ClientBuilder, ConnectionStage};

use super::answer::private;
use super::settings::MakeHttp;
use super::thread::trouble::{answered_before, may_pass};
use crate::base::clock::Clock;
use crate::base::metrics;
use crate::bot::offers::{First, OfferId};
use crate::bot::readiness::Chat;

/// What is asked for at the gateway: threads and the bot's own guild, and messages, whose text Discord shows only where the bot
/// is mentioned. None of them is privileged.
pub const INTENTS: GatewayIntents = GatewayIntents::GUILDS.union(GatewayIntents::GUILD_MESSAGES);

/// Discord's limit for a text that is asked for is 4,000; what is kept is a reason or a note.
const LONGEST_TEXT: u16 = 1_000;
/// How often, and how soon again, the first answer is sent where it may not have arrived: Discord waits three seconds for it.
const ACKNOWLEDGEMENTS: u32 = 4;
const ACKNOWLEDGE_AGAIN: Duration = Duration::from_millis(300);
/// How long is waited before the connection is made anew.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60)];

/// Something came in. Interactions are acknowledged already, or could not be.
#[derive(Debug)]
pub enum Incoming {
    /// A slash command, or one from the menu of a message.
    Command(Box<CommandInteraction>),
    /// A value is being typed; whoever asks waits for suggestions.
    Typing(Box<CommandInteraction>, Asker),
    /// A button or a menu.
    Press(Box<ComponentInteraction>, OfferId),
    /// What was written into a modal.
    Wrote(Box<ModalInteraction>, OfferId),
    /// A message, not by the bot.
    Message(Box<Message>),
    /// Messages went by in a channel: the bot's own ones included.
    Passed(ChannelId, MessageId),
    /// Messages were deleted in a channel.
    Deleted(ChannelId, Vec<MessageId>),
    /// A thread or channel is gone.
    Gone(ChannelId),
    /// What the bot may do where may have changed.
    Permitted,
    /// The connection stands: a new session, in which nobody knows what was missed, or the old one, in which what was missed comes
    /// after all.
    Connected {
        /// Whether the session is a new one.
        anew: bool,
    },
}

impl Incoming {
    /// Whether a person said it, and waits for what it leads to.
    #[must_use]
    pub fn is_said(&self) -> bool {
        match self {
            Self::Command(_) | Self::Typing(..) | Self::Press(..) | Self::Wrote(..) | Self::Message(_) => true,
            Self::Passed(..) | Self::Deleted(..) | Self::Gone(_) | Self::Permitted | Self::Connected { .. } => false,
        }
    }

    /// Counts it among what is to be carried out; [`carried_out`] takes it away again.
    pub(super) fn counts(&self) {
        if self.is_said() {
            metrics::CHAT_BACKLOG.change(&[("direction", "in".into())], 1.0);
        }
    }
}

/// One thing less that somebody said is to be carried out.
pub(super) fn carried_out() {
    metrics::CHAT_BACKLOG.change(&[("direction", "in".into())], -1.0);
}

/// Where suggestions go. They are the first answer themselves, so each way in has its own way back.
#[derive(Debug)]
pub enum Asker {
    /// To Discord, as a request of ours.
    Callback,
    /// Into the response to the request that asked, where it still waits.
    Request(oneshot::Sender<CreateInteractionResponse>),
}

/// The path of a slash command and the values given: `(["incident", "declare"], [("title", …)])`.
#[must_use]
pub fn spoken(command: &CommandInteraction) -> (Vec<String>, Vec<super::verbs::Given>) {
    use serenity::all::{CommandDataOption, CommandDataOptionValue as Value};
    let mut path = vec![command.data.name.clone()];
    let mut options: &[CommandDataOption] = &command.data.options;
    while let [CommandDataOption { name, value: Value::SubCommand(inner) | Value::SubCommandGroup(inner), .. }] =
        options
    {
        path.push(name.clone());
        options = inner;
    }
    let given = options.iter().filter_map(|option| {
        let value = match &option.value {
            Value::String(text) | Value::Autocomplete { value: text, .. } => text.clone(),
            Value::Boolean(yes) => yes.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((option.name.clone(), value))
    });
    (path, given.collect())
}

/// What a modal brought.
#[must_use]
pub fn written(modal: &ModalInteraction) -> Option<String> {
    modal.data.components.iter().flat_map(|row| &row.components).find_map(|component| match component {
        ActionRowComponent::InputText(input) => input.value.clone(),
        _ => None,
    })
}

/// The id of what was pressed: a button's own, or the case taken from a menu.
fn pressed(press: &ComponentInteraction) -> Option<OfferId> {
    match &press.data.kind {
        ComponentInteractionDataKind::StringSelect { values } => OfferId::parse(values.first()?),
        _ => OfferId::parse(&press.data.custom_id),
    }
}

/// Shown only to the person it answers.
fn for_one() -> CreateInteractionResponse {
    CreateInteractionResponse::Defer(CreateInteractionResponseMessage::new().ephemeral(true))
}

/// The modal that asks for the text an offer needs.
fn modal(id: &OfferId) -> CreateInteractionResponse {
    let (title, label, needed) = match id.first {
        First::Reason => ("Say why", "Why? Everybody reads it.", true),
        First::Value => ("Answer", "Value", true),
        First::Note => ("Write a note", "For the timeline", true),
        First::Remark | First::Do | First::Confirm => ("Anything to add?", "Why, or how it went", false),
    };
    let text = CreateInputText::new(InputTextStyle::Paragraph, label, "text").required(needed).max_length(LONGEST_TEXT);
    let rows = vec![CreateActionRow::InputText(text)];
    CreateInteractionResponse::Modal(CreateModal::new(id.to_string(), title).components(rows))
}

/// The first answer to an interaction: known from the interaction alone, so that it goes out at once. `None` where the answer
/// itself must be the first one.
#[must_use]
pub fn first_answer(interaction: &Interaction) -> Option<CreateInteractionResponse> {
    match interaction {
        Interaction::Command(command) => {
            let (path, _) = spoken(command);
            let menu = command.data.target_id.is_some();
            Some(if menu || private(&path) {
                for_one()
            } else {
                CreateInteractionResponse::Defer(CreateInteractionResponseMessage::new())
            })
        }
        Interaction::Component(press) => Some(match pressed(press) {
            Some(id) if id.first.asks() => modal(&id),
            Some(id) if id.first == First::Confirm => for_one(),
            // A press changes nothing by itself: the card is edited when the journal says so.
            _ => CreateInteractionResponse::Acknowledge,
        }),
        Interaction::Modal(_) => Some(for_one()),
        _ => None,
    }
}

/// What an interaction is to the rest of the bot; `None` where nothing more follows.
#[must_use]
pub fn incoming(interaction: Interaction) -> Option<Incoming> {
    Some(match interaction {
        Interaction::Command(command) => Incoming::Command(Box::new(command)),
        Interaction::Autocomplete(typing) => Incoming::Typing(Box::new(typing), Asker::Callback),
        Interaction::Component(press) => {
            let id = pressed(&press)?;
            if id.first.asks() {
                return None;
            }
            Incoming::Press(Box::new(press), id)
        }
        Interaction::Modal(modal) => {
            let id = OfferId::parse(&modal.data.custom_id)?;
            Incoming::Wrote(Box::new(modal), id)
        }
        _ => return None,
    })
}

struct Ears {
    out: mpsc::UnboundedSender<Incoming>,
    guild: GuildId,
    clock: Arc<dyn Clock>,
}

impl Ears {
    fn tell(&self, incoming: Incoming) {
        incoming.counts();
        // Nobody listens only when the process is leaving.
        drop(self.out.unbounded_send(incoming));
    }

    /// Sends the first answer; once more where it is not certain that it arrived, for as long as Discord waits for it.
    async fn acknowledge(&self, http: &Http, interaction: &Interaction, answer: &CreateInteractionResponse) {
        for tries in 1.. {
            let sent =
                http.create_interaction_response(interaction.id(), interaction.token(), answer, Vec::new()).await;
            match sent {
                Ok(()) => return,
                Err(error) if answered_before(&error) => return,
                Err(error) if tries < ACKNOWLEDGEMENTS && may_pass(&error) => {
                    self.clock.sleep_until(self.clock.now() + ACKNOWLEDGE_AGAIN).await;
                }
                Err(error) => {
                    // What the person wants is done all the same: it is in the journal, and the thread shows it.
                    tracing::warn!(%error, "an interaction could not be acknowledged");
                    return;
                }
            }
        }
    }
}

#[serenity::async_trait]
impl EventHandler for Ears {
    async fn interaction_create(&self, context: Context, interaction: Interaction) {
        if let Some(answer) = first_answer(&interaction) {
            self.acknowledge(&context.http, &interaction, &answer).await;
        }
        if let Some(incoming) = incoming(interaction) {
            self.tell(incoming);
        }
    }

    async fn message(&self, context: Context, message: Message) {
        if message.guild_id != Some(self.guild) {
            return;
        }
        self.tell(Incoming::Passed(message.channel_id, message.id));
        let me = context.cache.current_user().id;
        if message.author.id != me && !message.author.bot && message.mentions_user_id(me) {
            self.tell(Incoming::Message(Box::new(message)));
        }
    }

    async fn message_delete(&self, _: Context, channel: ChannelId, message: MessageId, guild: Option<GuildId>) {
        if guild == Some(self.guild) {
            self.tell(Incoming::Deleted(channel, vec![message]));
        }
    }

    async fn message_delete_bulk(
        &self,
        _: Context,
        channel: ChannelId,
        messages: Vec<MessageId>,
        guild: Option<GuildId>,
    ) {
        if guild == Some(self.guild) {
            self.tell(Incoming::Deleted(channel, messages));
        }
    }

    async fn channel_update(&self, _: Context, _: Option<GuildChannel>, channel: GuildChannel) {
        if channel.guild_id == self.guild {
            self.tell(Incoming::Permitted);
        }
    }

    async fn guild_role_update(&self, _: Context, _: Option<Role>, role: Role) {
        if role.guild_id == self.guild {
            self.tell(Incoming::Permitted);
        }
    }

    async fn channel_delete(&self, _: Context, channel: GuildChannel, _: Option<Vec<Message>>) {
        self.tell(Incoming::Gone(channel.id));
    }

    async fn thread_delete(&self, _: Context, thread: PartialGuildChannel, _: Option<GuildChannel>) {
        self.tell(Incoming::Gone(thread.id));
    }

    async fn ready(&self, _: Context, _: Ready) {
        self.tell(Incoming::Connected { anew: true });
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        self.tell(Incoming::Connected { anew: false });
    }
}

/// Stays connected to the gateway until the future is dropped. Serenity resumes a dropped connection by itself; where it gives
/// up, and before Discord is there at all, this begins anew.
/// `chat` learns how the connection is.
pub async fn stay(
    http: MakeHttp,
    guild: GuildId,
    clock: Arc<dyn Clock>,
    out: mpsc::UnboundedSender<Incoming>,
    chat: Chat,
) {
    let mut failures = 0;
    loop {
        let ended = connect(http(), guild, clock.clone(), out.clone(), &chat).await;
        chat.is_down();
        match ended {
            Ok(()) => failures = 0,
            Err(error) => {
                tracing::warn!(%error, "Discord's gateway is not there");
                failures += 1;
            }
        }
        let pause = PAUSES[failures.min(PAUSES.len() - 1)];
        clock.sleep_until(clock.now() + pause).await;
    }
}

async fn connect(
    http: Http,
    guild: GuildId,
    clock: Arc<dyn Clock>,
    out: mpsc::UnboundedSender<Incoming>,
    chat: &Chat,
) -> serenity::Result<()> {
    // Where it cannot be asked, serenity would try an address of its own: Discord is asked first.
    http.get_gateway().await?;
    let ears = Ears { out, guild, clock };
    let mut client = ClientBuilder::new_with_http(http, INTENTS).event_handler(ears).await?;
    // It tells of new connections, and not of every one that broke; what it knows of them can be asked.
    let runners = client.shard_manager.runners.clone();
    chat.stands_where(Arc::new(move || {
        let runners = runners.clone();
        Box::pin(async move { runners.lock().await.values().any(|runner| runner.stage == ConnectionStage::Connected) })
    }));
    client.start().await
}
