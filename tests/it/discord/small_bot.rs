//! A small bot on the real serenity, to try the look-alike with: it knows one command, one button, one modal.

use std::sync::Arc;

use serenity::all::{
    ActionRowComponent, ButtonStyle, ChannelId, ChannelType, Client, Command, CommandInteraction, CommandOptionType,
    CommandType, ComponentInteraction, Context, CreateActionRow, CreateAllowedMentions, CreateAttachment,
    CreateAutocompleteResponse, CreateButton, CreateCommand, CreateCommandOption, CreateInputText,
    CreateInteractionResponse, CreateInteractionResponseFollowup, CreateInteractionResponseMessage, CreateMessage,
    CreateModal, CreateThread, EditInteractionResponse, EventHandler, GatewayIntents, Http, HttpBuilder,
    InputTextStyle, Interaction, Message, ModalInteraction, Ready,
};
use serenity::all::{Result, ShardManager};
use serenity::async_trait;
use tokio::task::JoinHandle;

use crate::world::discord::Discord;

/// What the bot asks of the gateway: nothing that needs an application.
pub const INTENTS: GatewayIntents =
    GatewayIntents::GUILDS.union(GatewayIntents::GUILD_MESSAGES).union(GatewayIntents::DIRECT_MESSAGES);

/// A running bot; it ends with the test.
pub struct SmallBot {
    pub http: Arc<Http>,
    shards: Arc<ShardManager>,
    task: JoinHandle<Result<()>>,
}

struct Handler;

impl SmallBot {
    /// Connects with serenity's rate limiter off, and waits until its commands are registered.
    pub async fn start(discord: &Discord) -> Self {
        let bot = Self::connect(without_limiter(discord), INTENTS).await;
        discord.connected().await;
        discord.registered("incident").await;
        bot
    }

    pub async fn connect(http: Http, intents: GatewayIntents) -> Self {
        let builder = serenity::client::ClientBuilder::new_with_http(http, intents);
        let mut client: Client = builder.event_handler(Handler).await.expect("a client");
        let (http, shards) = (Arc::clone(&client.http), Arc::clone(&client.shard_manager));
        let task = tokio::spawn(async move { client.start().await });
        Self { http, shards, task }
    }

    /// Waits until the bot has given up by itself.
    pub async fn end(&mut self) -> Result<()> {
        (&mut self.task).await.expect("a task")
    }

    pub async fn stop(self) {
        self.shards.shutdown_all().await;
    }
}

impl Drop for SmallBot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The client for tests: the rate limiter off, because serenity uses a proxy only then.
pub fn without_limiter(discord: &Discord) -> Http {
    HttpBuilder::new(discord.token()).proxy(discord.url()).ratelimiter_disabled(true).build()
}

/// The client as in production: TLS to discord.com, the rate limiter on.
pub fn with_limiter(discord: &Discord) -> Http {
    HttpBuilder::new(discord.token()).client(discord.client()).build()
}

fn commands() -> Vec<CreateCommand> {
    let title = CreateCommandOption::new(CommandOptionType::String, "title", "What is wrong").required(true);
    let severity = CreateCommandOption::new(CommandOptionType::String, "severity", "How bad it is")
        .add_string_choice("P0", "p0")
        .add_string_choice("P1", "p1");
    let id = CreateCommandOption::new(CommandOptionType::String, "id", "Which one").set_autocomplete(true);
    let sub = |name: &str| CreateCommandOption::new(CommandOptionType::SubCommand, name, format!("To {name} one"));
    vec![
        CreateCommand::new("incident")
            .description("Incidents")
            .add_option(sub("declare").add_sub_option(title).add_sub_option(severity))
            .add_option(sub("show").add_sub_option(id)),
        CreateCommand::new("Add to timeline").kind(CommandType::Message),
    ]
}

fn silent() -> CreateAllowedMentions {
    CreateAllowedMentions::new()
}

#[async_trait]
impl EventHandler for Handler {
    async fn ready(&self, context: Context, _: Ready) {
        Command::set_global_commands(&context.http, commands()).await.expect("commands");
    }

    async fn message(&self, context: Context, message: Message) {
        if message.author.bot || message.content.is_empty() {
            return;
        }
        message.channel_id.say(&context.http, "I listen.").await.expect("a message");
    }

    async fn interaction_create(&self, context: Context, interaction: Interaction) {
        match interaction {
            Interaction::Command(one) if one.data.kind == CommandType::Message => noted(&context, &one).await,
            Interaction::Command(one) if one.data.options[0].name == "declare" => declared(&context, &one).await,
            Interaction::Command(_) => {}
            Interaction::Autocomplete(one) => {
                let typed = one.data.autocomplete().expect("a focused option").value;
                let answer = CreateAutocompleteResponse::new().add_string_choice(format!("{typed}-17: slow"), "INC-17");
                one.create_response(&context.http, CreateInteractionResponse::Autocomplete(answer))
                    .await
                    .expect("sent");
            }
            Interaction::Component(one) => pressed(&context, &one).await,
            Interaction::Modal(one) => submitted(&context, &one).await,
            _ => {}
        }
    }
}

/// Defers, opens a thread, puts a button into it, and says where.
async fn declared(context: &Context, one: &CommandInteraction) {
    let thinking = CreateInteractionResponseMessage::new().ephemeral(true);
    one.create_response(&context.http, CreateInteractionResponse::Defer(thinking)).await.expect("deferred");
    let title = match one.data.options().first().map(|option| option.value.clone()) {
        Some(serenity::all::ResolvedValue::SubCommand(options)) => match options[0].value {
            serenity::all::ResolvedValue::String(title) => title.to_owned(),
            _ => unreachable!("the title is a text"),
        },
        _ => unreachable!("declare is a subcommand"),
    };
    let thread = CreateThread::new(&title).kind(ChannelType::PublicThread);
    let thread = one.channel_id.create_thread(&context.http, thread).await.expect("a thread");
    card(context, thread.id, &title).await;
    let edit = EditInteractionResponse::new().content(format!("Declared in <#{}>", thread.id));
    one.edit_response(&context.http, edit).await.expect("edited");
    let more = CreateInteractionResponseFollowup::new().content("Nobody is commander yet.").allowed_mentions(silent());
    one.create_followup(&context.http, more).await.expect("a followup");
}

async fn card(context: &Context, thread: ChannelId, title: &str) {
    let buttons = vec![
        CreateButton::new("approve").label("Approve").style(ButtonStyle::Success),
        CreateButton::new("later").label("Later").disabled(true),
    ];
    let message = CreateMessage::new()
        .content(format!("**{title}**"))
        .components(vec![CreateActionRow::Buttons(buttons)])
        .add_file(CreateAttachment::bytes(b"<svg/>".to_vec(), "chart.svg"))
        .allowed_mentions(silent());
    thread.send_message(&context.http, message).await.expect("a card");
}

async fn noted(context: &Context, one: &CommandInteraction) {
    let text = one.data.resolved.messages.values().next().expect("a message").content.clone();
    let answer = CreateInteractionResponseMessage::new().content(format!("Noted: {text}")).allowed_mentions(silent());
    one.create_response(&context.http, CreateInteractionResponse::Message(answer)).await.expect("answered");
}

async fn pressed(context: &Context, one: &ComponentInteraction) {
    let reason = CreateInputText::new(InputTextStyle::Short, "Reason", "reason").min_length(3).max_length(40);
    let modal = CreateModal::new("why", "Approve the restart").components(vec![CreateActionRow::InputText(reason)]);
    one.create_response(&context.http, CreateInteractionResponse::Modal(modal)).await.expect("a modal");
}

async fn submitted(context: &Context, one: &ModalInteraction) {
    let ActionRowComponent::InputText(reason) = &one.data.components[0].components[0] else { return };
    let text = format!("Approved: {}", reason.value.as_deref().unwrap_or_default());
    let update = CreateInteractionResponseMessage::new().content(text).components(vec![]).allowed_mentions(silent());
    one.create_response(&context.http, CreateInteractionResponse::UpdateMessage(update)).await.expect("updated");
}
