//! A Discord look-alike: it keeps a world's state, serves the REST routes and the gateway that serenity talks to, and
//! lets tests act as the people in it.
//!
//! Lives here: the running look-alike and what a test says about the world as a whole (guilds, channels, faults, the
//! account at the end). What one person does is in [`person`]; what there is, in [`state`]; how requests are judged, in
//! `rest`, `limits` and `openapi`. Never lives here: anything of the program under test.

mod account;
mod changes;
mod endpoint;
mod faults;
mod gateway;
mod interactions;
mod json;
mod limits;
mod openapi;
pub mod permissions;
pub mod person;
mod rest;
mod server;
pub mod state;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

pub use endpoint::{Delivered, Delivery, public_key};
use faults::Faults;
pub use faults::How;
pub use openapi::is_at_hand as has_document;
pub use person::Person;
use serde_json::Value;
use server::Door;
use state::{ChannelKind, Guild, Interaction, Role};
pub use state::{Id, Message, State};
use tls::Tls;

/// How a world of Discord is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bot's token, without `Bot`.
    pub token: String,
    /// Requests of one kind in one channel per `window`, before they are refused with 429.
    pub limit: u32,
    pub window: Duration,
    /// How long a test waits for anything.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            token: "MTA5.look-alike.b3J3".to_owned(),
            limit: 50,
            window: Duration::from_secs(1),
            patience: Duration::from_secs(30),
        }
    }
}

/// The running look-alike. A test ends with [`Discord::finished`]; one that forgets it fails.
pub struct Discord {
    shared: Arc<Shared>,
    rest: SocketAddr,
    tls: (SocketAddr, Tls),
    runtime: Option<tokio::runtime::Runtime>,
    guild: Id,
    is_finished: AtomicBool,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    gone: watch::Sender<bool>,
    gateway: SocketAddr,
    /// Where interactions go instead of the gateway.
    endpoint: Mutex<Option<String>>,
    /// Whether an answer in a response is read only after the bot came with more.
    reads_late: AtomicBool,
    runtime: tokio::runtime::Handle,
    patience: Duration,
}

impl Discord {
    /// Starts to listen on ports of the loopback address, with one guild in which the bot is a member.
    pub fn start(config: Config) -> Self {
        let mut state = State::new(&config.token, Faults::new(config.limit, config.window));
        let guild = add_guild(&mut state, "home");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("discord")
            .enable_all()
            .build()
            .expect("a runtime for the look-alike");
        // Port 0: these listeners are never closed and opened again, so they need no reservation.
        let (rest, secure, gateway) = (server::listen(), server::listen(), server::listen());
        let address = |listener: &std::net::TcpListener| listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            gone: watch::Sender::new(false),
            gateway: address(&gateway),
            endpoint: Mutex::default(),
            reads_late: AtomicBool::default(),
            runtime: runtime.handle().clone(),
            patience: config.patience,
        });
        let tls = Tls::new();
        let (rest_address, tls_address) = (address(&rest), address(&secure));
        for (listener, door) in
            [(rest, Door::Rest), (secure, Door::Tls(tls.acceptor.clone())), (gateway, Door::Gateway)]
        {
            runtime.spawn(server::accept(listener, Arc::new(door), Arc::clone(&shared)));
        }
        Self {
            shared,
            rest: rest_address,
            tls: (tls_address, tls),
            runtime: Some(runtime),
            guild,
            is_finished: AtomicBool::new(false),
        }
    }

    /// Where REST answers, for `HttpBuilder::proxy` with serenity's rate limiter off.
    pub fn url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// A client for which `https://discord.com` is this look-alike: for serenity with its own rate limiter.
    pub fn client(&self) -> reqwest::Client {
        let (address, tls) = &self.tls;
        tls.client(*address)
    }

    /// The certificate of this look-alike's discord.com as PEM, and where it answers.
    pub fn tls(&self) -> (&str, SocketAddr) {
        (self.tls.1.certificate(), self.tls.0)
    }

    /// The bot's token.
    pub fn token(&self) -> String {
        self.look(|state| state.token.clone())
    }

    /// The guild that every world has.
    pub fn guild(&self) -> Id {
        self.guild
    }

    /// Makes another guild with the bot in it.
    pub fn another_guild(&self, name: &str) -> Id {
        self.shared.change(|state| {
            let id = add_guild(state, name);
            let event = state.guild_event(&state.guilds[&id]);
            state.announce("GUILD_CREATE", &event);
            id
        })
    }

    /// A text channel of the guild, made where there is none of this name.
    pub fn channel(&self, name: &str) -> Id {
        self.shared.change(|state| {
            if let Some(known) = state.channels.values().find(|channel| channel.name == name && !channel.is_thread()) {
                return known.id;
            }
            state.make_channel(self.guild, name, ChannelKind::Text, None)
        })
    }

    /// A category of the guild, with so many channels in it.
    pub fn category(&self, name: &str, channels: usize) -> Id {
        self.shared.change(|state| {
            let id = state.make_channel(self.guild, name, ChannelKind::Category, None);
            for number in 0..channels {
                state.make_channel(self.guild, &format!("{name}-{number}"), ChannelKind::Text, Some(id));
            }
            id
        })
    }

    /// A person in the guild, who joins where there is none of this name.
    pub fn member(&self, name: &str) -> Person {
        let id = self.shared.change(|state| {
            let known = state.users.values().find(|user| user.name == name).map(|user| user.id);
            let id = known.unwrap_or_else(|| state.add_user(name, false));
            state.guilds.get_mut(&self.guild).expect("the guild").members.entry(id).or_default();
            id
        });
        Person { shared: Arc::clone(&self.shared), id, guild: self.guild }
    }

    /// A role of the guild, made where there is none of this name.
    pub fn role(&self, name: &str) -> Id {
        self.shared.change(|state| role(state, self.guild, name))
    }

    /// Looks at the world as it is now.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.shared.read(look)
    }

    /// Waits until the world is so; panics with `what` when that takes too long.
    pub async fn until(&self, what: &str, look: impl Fn(&State) -> bool) {
        self.shared.find(what, |state| look(state).then_some(())).await;
    }

    /// Waits until something can be found in the world, and returns it.
    pub async fn find<T>(&self, what: &str, look: impl Fn(&State) -> Option<T>) -> T {
        self.shared.find(what, look).await
    }

    /// Waits until the bot is connected to the gateway.
    pub async fn connected(&self) {
        self.until("the bot is connected to the gateway", |state| state.sessions.is_connected()).await;
    }

    /// Waits until this command is registered, globally or in the guild.
    pub async fn registered(&self, name: &str) {
        let of_guild = |state: &State| state.commands.of_guild.get(&self.guild).cloned().unwrap_or_default();
        let is_there =
            |state: &State| state.commands.global.iter().chain(&of_guild(state)).any(|command| command["name"] == name);
        self.until(&format!("the command {name} is registered"), is_there).await;
    }

    /// How long each interaction that was answered waited for its first answer.
    pub fn acknowledgements(&self) -> Vec<Duration> {
        self.look(|state| state.interactions.values().filter_map(Interaction::acknowledged_after).collect())
    }

    /// Sends interactions to this address, signed, instead of through the gateway.
    pub fn send_interactions_to(&self, url: &str) {
        *self.shared.endpoint.lock().expect("endpoint") = Some(url.to_owned());
    }

    /// Discord is slow with the answers in responses: it reads each only after the bot came, in vain, with what follows it.
    pub fn reads_answers_late(&self, late: bool) {
        self.shared.reads_late.store(late, Ordering::Relaxed);
    }

    /// Asks an address whether it answers interactions, as Discord does before it accepts one.
    pub async fn ping(&self, url: &str, delivery: Delivery) -> Delivered {
        let payload = self.shared.change(|state| endpoint::ping(state.application, state.next_id()));
        self.shared.deliver(url.to_owned(), payload, delivery).await
    }

    /// Sends anything, signed as Discord signs.
    pub async fn deliver(&self, url: &str, payload: &Value, delivery: Delivery) -> Delivered {
        self.shared.deliver(url.to_owned(), payload.clone(), delivery).await
    }

    /// Sends an interaction once more, or as somebody who is not Discord would; the answer changes nothing.
    pub async fn deliver_again(&self, url: &str, interaction: Id, delivery: Delivery) -> Delivered {
        let payload = self.look(|state| state.interactions[&interaction].payload.clone());
        self.shared.deliver(url.to_owned(), payload, delivery).await
    }

    /// Lets the next `times` requests of a route fail; method and route as in Discord's document, empty for any.
    pub fn fail(&self, method: &str, route: &str, times: u32, how: How) {
        self.shared.change(|state| state.faults.plan(method, route, times, how));
    }

    /// Sets how many requests of one kind are allowed in a window of time, for each channel by itself.
    pub fn limit(&self, method: &str, route: &str, limit: u32, window: Duration) {
        self.shared.change(|state| state.faults.limit(method, route, limit, window));
    }

    /// Every connection is reset, and so is every new one, until [`Discord::comes_back`].
    pub fn goes_away(&self) {
        self.shared.gone.send_replace(true);
        self.shared.change(|state| state.sessions.break_connections());
    }

    /// Connections are taken again.
    pub fn comes_back(&self) {
        self.shared.gone.send_replace(false);
    }

    /// Breaks the gateway's connections and takes no new ones until [`Discord::gateway_opens`].
    pub fn gateway_closes(&self) {
        self.shared.change(|state| {
            state.sessions.is_closed = true;
            state.sessions.break_connections();
        });
    }

    /// The gateway takes connections again.
    pub fn gateway_opens(&self) {
        self.shared.change(|state| state.sessions.is_closed = false);
    }

    /// Breaks the gateway's connections; new ones are taken.
    pub fn gateway_breaks(&self) {
        self.shared.change(|state| state.sessions.break_connections());
    }

    /// Asks the bot to connect anew and to resume.
    pub fn gateway_asks_to_reconnect(&self) {
        self.shared.change(|state| state.sessions.ask_to_reconnect());
    }

    /// Forgets the bot's session: it must identify again, and what it missed is lost.
    pub fn gateway_forgets(&self) {
        self.shared.change(|state| state.sessions.invalidate());
    }

    /// The 15 minutes of every interaction so far are over: their tokens are refused.
    pub fn tokens_expire(&self) {
        self.shared.change(|state| state.interactions.values_mut().for_each(|one| one.is_expired = true));
    }

    /// How long an interaction may stay without an answer; otherwise 3 seconds.
    pub fn must_acknowledge_within(&self, time: Duration) {
        self.shared.change(|state| state.acknowledge_within = time);
    }

    /// A moderator deletes a message.
    pub fn delete_message(&self, message: Id) {
        self.shared.change(|state| state.remove_message(message));
    }

    /// A moderator deletes a channel or thread.
    pub fn delete_channel(&self, channel: Id) {
        self.shared.change(|state| state.remove_channel(channel));
    }

    /// A thread is archived, by time or by a moderator, who can lock it too.
    pub fn archive(&self, thread: Id, locked: bool) {
        self.shared.change(|state| state.update_thread(thread, Some(true), Some(locked)));
    }

    /// Takes permissions away from the bot in a channel.
    pub fn deny_bot(&self, channel: Id, permissions: u64) {
        self.shared.change(|state| state.overwrite(channel, state.bot, true, 0, permissions));
    }

    /// Gives permissions to the bot in a channel.
    pub fn allow_bot(&self, channel: Id, permissions: u64) {
        self.shared.change(|state| state.overwrite(channel, state.bot, true, permissions, 0));
    }

    /// Hides a channel from everybody but the bot and who has this role.
    pub fn restrict(&self, channel: Id, role: &str) {
        let role = self.role(role);
        self.shared.change(|state| {
            state.overwrite(channel, state.bot, true, permissions::VIEW_CHANNEL, 0);
            state.overwrite(channel, role, false, permissions::VIEW_CHANNEL, 0);
            state.overwrite(channel, self.guild, false, 0, permissions::VIEW_CHANNEL);
        });
    }

    /// What is wrong at the end of a test: what the bot did against Discord's rules, what nobody answered, what nobody
    /// looked at, faults that nothing ran into.
    pub fn account(&self) -> Vec<String> {
        self.is_finished.store(true, Ordering::Relaxed);
        let by_gateway = self.shared.endpoint.lock().expect("endpoint").is_none();
        self.look(|state| state.account(by_gateway))
    }

    /// Ends a test: fails it with a list when anything is wrong.
    ///
    /// # Panics
    ///
    /// When [`Discord::account`] is not empty.
    pub fn finished(&self) {
        let account = self.account();
        assert!(account.is_empty(), "Discord has to say:\n- {}", account.join("\n- "));
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let forgotten = !self.is_finished.load(Ordering::Relaxed) && !std::thread::panicking();
        assert!(!forgotten, "a test with Discord ends with discord.finished()");
    }
}

impl Shared {
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        // A test that failed inside a look is no reason to fail in every later one, with less to say.
        look(&self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.changed.send_replace(());
        done
    }

    async fn find<T>(&self, what: &str, look: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        // The look-alike's own timer, so that a test may run on any executor.
        let deadline = {
            let _inside = self.runtime.enter();
            tokio::time::sleep(self.patience)
        };
        tokio::pin!(deadline);
        loop {
            changes.mark_unchanged();
            if let Some(found) = self.read(&look) {
                return found;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = &mut deadline => panic!("in vain: {what}\n{}", self.read(State::summary)),
            }
        }
    }

    async fn deliver(&self, url: String, payload: Value, delivery: Delivery) -> Delivered {
        let sent = self.runtime.spawn(async move { endpoint::deliver(&url, &payload, delivery).await });
        sent.await.expect("a delivery")
    }

    fn is_gone(&self) -> bool {
        *self.gone.borrow()
    }

    async fn until_gone(&self) {
        let mut gone = self.gone.subscribe();
        let _ = gone.wait_for(|is_gone| *is_gone).await;
    }

    fn gateway_url(&self) -> String {
        format!("ws://{}", self.gateway)
    }
}

/// Routes of the look-alike that Discord's own document does not have.
pub fn unknown_routes() -> Vec<&'static str> {
    openapi::unknown(rest::ROUTES)
}

fn add_guild(state: &mut State, name: &str) -> Id {
    let id = state.next_id();
    let (owner, bots) = (state.add_user(&format!("owner of {name}"), false), state.next_id());
    let everyone = Role { id, name: "@everyone".to_owned(), permissions: permissions::EVERYONE };
    let own = Role { id: bots, name: "Rundown".to_owned(), permissions: permissions::BOT };
    let guild = Guild {
        id,
        name: name.to_owned(),
        owner,
        roles: [(id, everyone), (bots, own)].into(),
        members: [(owner, Vec::new()), (state.bot, vec![bots])].into(),
    };
    state.guilds.insert(id, guild);
    id
}

fn role(state: &mut State, guild: Id, name: &str) -> Id {
    let new = state.next_id();
    let roles = &mut state.guilds.get_mut(&guild).expect("a guild").roles;
    if let Some(known) = roles.values().find(|role| role.name == name) {
        return known.id;
    }
    let role = Role { id: new, name: name.to_owned(), permissions: 0 };
    let event = serde_json::json!({ "guild_id": guild.to_string(), "role": json::role_json(&role) });
    roles.insert(new, role);
    state.announce("GUILD_ROLE_CREATE", &event);
    new
}
