//! The binary: arguments, wiring, exit codes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use futures::channel::{mpsc, oneshot};
use rundown::base::clock::{Clock, RealClock};
use rundown::base::expr::{spawn_scoped, with_room};
use rundown::base::secret::Secrets;
use rundown::bot::fleet::Fleet;
use rundown::bot::library::Library;
use rundown::bot::metrics::Meter;
use rundown::bot::rights::at_terminal;
use rundown::bot::{Bot, Fault};
use rundown::chat::discord::endpoint::{Settings as Endpoint, signed::PublicKey};
use rundown::chat::discord::settings::{Place, Settings as Discord};
use rundown::chat::terminal::args::{Args, Door, Verb};
use rundown::chat::terminal::{Exit, Terminal, carry_out};
use rundown::client::discord::reaching;
use rundown::client::http::HttpClient;
use rundown::client::pagerduty::{self, PagerDuty};
use rundown::client::process::ProcessGroups;
use rundown::client::railway::{ENDPOINT, RailwayApi};
use rundown::client::redis::RedisServers;
use rundown::config::file::File;
use rundown::config::hooks::{Heard, Secret};
use rundown::config::{Environment, Flags, Settings, host_name, system_login};
use rundown::doctor::{Patient, examine, finding};
use rundown::domain::people::Identity;
use rundown::engine::monitoring::Beats;
use rundown::journal::Journal;
use rundown::journal::sqlite::SqliteJournal;
use rundown::logs::Objects;
use rundown::serve::{Doors, Serving};
use rundown::step::{Executors, Ports};
use rundown::web::hooks::{Proof, Settings as Hooks, Signed, Source, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

/// Open files that are enough for everybody.
const FILES: u64 = 16_384;

fn main() -> ExitCode {
    // Expressions are read all the time; with room for them from the start none needs a thread of its own.
    with_room(begun)
}

fn begun() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and versions go to standard output and are no failure; clap tells them apart. A closed output is nobody
            // who could be told.
            drop(error.print());
            return code(if error.use_stderr() { Exit::Usage } else { Exit::Succeeded });
        }
    };
    log(args.door.verbose, args.verb == Verb::Serve);
    let done = work(args);
    code(match &done {
        Ok(exit) => *exit,
        Err(fault) => {
            eprintln!("rundown: {fault}");
            Exit::from(fault)
        }
    })
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

fn work(args: Args) -> Result<Exit, Fault> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::default());
    let environment = |name: &str| std::env::var(name).ok();
    let door = &args.door;
    let named = door.config.clone().or_else(|| environment("RUNDOWN_CONFIG").map(PathBuf::from));
    // Other commands need no settings file; where there is one, they find the journal that the server writes.
    let read = File::read(named.as_deref());
    let file = match (&read, &args.verb) {
        // A doctor says what is wrong with it, and goes on.
        (Err(_), Verb::Doctor { .. }) => File::default(),
        _ => read.clone().map_err(|error| Fault::Usage(error.to_string()))?,
    };
    let serving = match args.verb {
        Verb::Serve => Some(serving(&file, &clock, &environment)?),
        _ => None,
    };
    let digests = file.digests().map_err(|error| Fault::Usage(error.to_string()));
    let pages = file.web.clone().unwrap_or_default().read().map_err(|error| Fault::Usage(error.to_string()))?.address();
    let flags =
        Flags { journal: door.journal.clone(), runbooks: door.runbooks.clone(), person: door.person.clone(), file };
    let settings = Settings::new(flags, &environment, system_login, &host_name(&environment))
        .map_err(|error| Fault::Usage(error.to_string()))?;
    let scratch = std::env::temp_dir().join(format!("rundown-{}", std::process::id()));
    // What a rehearsal needs of the machine it is played on is nothing.
    let (rehearsed, beside) = (settings.runbooks.clone(), scratch.with_extension("rehearsal"));
    let shows = move |scene, who: &str| {
        let library = Library::new(rehearsed.clone(), Box::new(|_| None), beside.clone());
        rundown::rehearse::show(&scene, library, beside.join("journal.db"), who)
    };
    let library = Library::new(settings.runbooks, Box::new(|name| std::env::var(name).ok()), scratch);
    let path = settings.journal;
    let endpoint = settings.railway_api.unwrap_or_else(|| ENDPOINT.to_owned());
    if let Verb::Doctor { env } = args.verb {
        let http = HttpClient::new(clock.clone());
        let patient = Patient {
            file: read,
            journal: path,
            library: &library,
            environment: env,
            railway: endpoint,
            variables: &environment,
            http: Arc::new(http),
            redis: Arc::new(RedisServers::new(clock.clone())),
            clock,
        };
        return doctor(&patient, door);
    }
    let journal_file = path.clone();
    let open = move || match SqliteJournal::open(&path) {
        Ok(journal) => Ok(Arc::new(journal) as Arc<dyn Journal>),
        Err(error) => Err(error.to_string()),
    };
    let for_executors = clock.clone();
    let executors = move |secrets: Secrets| Ok(executors(&for_executors, &endpoint, secrets));
    let bot = Bot::new(clock, library, settings.process, journal_file, Box::new(open), Box::new(executors));
    let digests = digests?.into_iter().map(|(schedule, _)| schedule).collect();
    let bot = bot.with_digests(digests).with_pages(Some(pages)).with_rehearsals_shown(Box::new(shows));
    let bot = Arc::new(bot);
    if let Some(serving) = serving {
        return serve(&bot, &serving);
    }
    let account = at_terminal(&settings.login, settings.person.label());
    let who = bot.identify(account);
    let told = bot.seen_as(&who, account);
    let terminal = Terminal::new(who, told, door, no_color());
    let runtime = one_thread()?;
    let done = runtime.block_on(carry_out(&bot, &terminal, args));
    // Whatever is still in flight (a request that was left) ends with the process.
    runtime.shutdown_background();
    done
}

/// One thread drives everything; what blocks (the journal, the keyboard) has threads of its own.
fn one_thread() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::Failed(format!("the program cannot start: {error}")))
}

fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty())
}

/// Examines everything and prints what was found.
fn doctor(patient: &Patient<'_>, door: &Door) -> Result<Exit, Fault> {
    let runtime = one_thread()?;
    let findings = runtime.block_on(examine(patient));
    runtime.shutdown_background();
    let terminal = Terminal::new(Identity::bot(), Vec::new(), door, no_color());
    let text = match door.json {
        true => finding::lines(&findings),
        false => finding::page(&findings, terminal.paint, terminal.width),
    };
    // A closed output is nobody who could be told.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(if finding::is_well(&findings) { Exit::Succeeded } else { Exit::Failed })
}

/// Runs the server. Discord is heard and acknowledged on a thread of its own: a person who pressed a button must not wait for
/// whatever the bot is thinking about. So are monitors looked at: a probe is on time, and wakes nobody else.
fn serve(bot: &Arc<Bot>, serving: &Serving) -> Result<Exit, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Fault::Failed(format!("the program cannot start: {error}")))?;
    more_files();
    let meter = Arc::new(Meter::install().map_err(Fault::Failed)?);
    // Opened before there are two threads that would both want to.
    bot.engine()?;
    let say = |line: &str| eprintln!("{line}");
    let Doors { webs, jobs, live } = rundown::serve::doors(bot, serving, &meter, &say)?;
    let ((to_meter, counted), counting) = (mpsc::unbounded(), &*meter);
    let (fleet, harbour) = Fleet::new();
    let (beats, heard) = Beats::new();
    std::thread::scope(|scope| {
        // Each ends when what it was given is let go.
        let watched = fleet.clone();
        let beside = [
            Some(beside(scope, "monitors", move || async move { rundown::serve::watch(bot, &watched, heard).await })?),
            Some(beside(scope, "web", move || async move {
                let answering = rundown::serve::show(webs, &live);
                futures::future::join(answering, bot.measure(counting, counted)).await;
            })?),
            match serving.sends_digests(bot) {
                true => Some(beside(scope, "digests", move || rundown::serve::tell(bot, serving))?),
                false => None,
            },
        ];
        let serve = rundown::serve::serve(bot, serving, (fleet, harbour), (&beats, jobs), to_meter, &say);
        let served = runtime.block_on(serve);
        drop(beside);
        runtime.shutdown_background();
        served.map(|()| Exit::Succeeded)
    })
}

/// Takes as many open files as the system lets this process have: a session often begins with 1,024, and every page that somebody looks at
/// holds one. Where that cannot be had, fewer people look on.
fn more_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(FILES, |maximum| maximum.min(FILES));
    if limit.current.is_some_and(|current| current < most)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), ..limit })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Does something on a thread of its own until what is returned is let go. Whatever is under way there ends with it.
fn beside<'scope, F: Future<Output = ()>>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    name: &str,
    what: impl FnOnce() -> F + Send + 'scope,
) -> Result<oneshot::Sender<()>, Fault> {
    let runtime = one_thread()?;
    let (leave, leaving) = oneshot::channel::<()>();
    let doing = move || {
        let what = std::pin::pin!(what());
        drop(runtime.block_on(futures::future::select(what, leaving)));
        runtime.shutdown_background();
    };
    spawn_scoped(scope, name, doing).map_err(|error| Fault::Failed(format!("the program cannot start: {error}")))?;
    Ok(leave)
}

/// What `serve` is told by the settings file.
fn serving(file: &File, clock: &Arc<dyn Clock>, environment: Environment<'_>) -> Result<Serving, Fault> {
    let wrong = |error: rundown::config::file::FileError| Fault::Usage(error.to_string());
    let discord = file.discord.as_ref().map(|discord| {
        let token = discord.token.value("discord.token", environment).map_err(wrong)?;
        let http = Arc::new(reaching(token, discord.api.clone()).map_err(Fault::Failed)?);
        let endpoint = discord.endpoint(PublicKey::parse).map_err(wrong)?;
        let endpoint = endpoint.map(|(listen, key)| Endpoint { listen, key });
        let place = match discord.own_channels().map_err(wrong)? {
            None => Place::Thread,
            Some(category) => Place::Channel { category: category.map(|id| id.0.into()) },
        };
        let (guild, channel) = (discord.server.0.into(), discord.channel.0.into());
        Ok::<_, Fault>(Discord { guild, channel, place, http, endpoint })
    });
    let heartbeat = file.heartbeat.as_ref().map(|heartbeat| {
        Ok::<_, Fault>((
            heartbeat.url.value("heartbeat.url", environment).map_err(wrong)?,
            heartbeat.every().map_err(wrong)?,
        ))
    });
    let pagerduty = file.pagerduty.as_ref().map(|pagerduty| {
        let key = pagerduty.routing_key.value("pagerduty.routing-key", environment).map_err(wrong)?;
        let url = pagerduty.url.as_deref().unwrap_or(pagerduty::ENDPOINT);
        Ok::<_, Fault>(PagerDuty::new(Arc::new(HttpClient::new(clock.clone())), url, key))
    });
    let hooks = file.hooks.as_ref().map(|of| hooks(&of.read(environment).map_err(wrong)?));
    let digests = file.digests().map_err(wrong)?.into_iter();
    let digests = digests.filter_map(|(schedule, channel)| Some((schedule.name, channel?.0.into()))).collect();
    Ok(Serving {
        digests,
        discord: discord.transpose()?,
        pagerduty: pagerduty.transpose()?,
        heartbeat: heartbeat.transpose()?,
        hooks: hooks.transpose()?.map(Arc::new),
        metrics: file
            .web
            .as_ref()
            .and_then(|web| web.metrics.as_ref())
            .map(|metrics| metrics.value("web.metrics", environment).map_err(wrong))
            .transpose()?,
        pages: (file.web.clone().unwrap_or_default().read().map_err(wrong)?, file.web.is_some()),
    })
}

/// What the hooks are told.
fn hooks(heard: &Heard) -> Result<Hooks, Fault> {
    let mut sources = BTreeMap::new();
    for (name, secret) in &heard.sources {
        let proof = match secret {
            Secret::Shown(secret) => Proof::Bearer(Token::new(secret).map_err(Fault::Failed)?),
            Secret::InPath(secret) => Proof::Path(Token::new(secret).map_err(Fault::Failed)?),
            Secret::Signs(secret) => Proof::Signed(Signed::generic(secret)),
            Secret::GrafanaSigns { secret, signature, timestamp } => {
                Proof::Signed(Signed::grafana(secret, signature.clone(), timestamp.clone()))
            }
        };
        sources.extend(Source::ALL.into_iter().find(|source| source.word() == *name).map(|source| (source, proof)));
    }
    let heartbeat = heard.heartbeat.as_ref().map(Token::new).transpose().map_err(Fault::Failed)?;
    Ok(Hooks { listen: heard.listen, sources, severities: heard.severities.clone(), heartbeat })
}

/// What really reaches out.
fn executors(clock: &Arc<dyn Clock>, endpoint: &str, secrets: Secrets) -> Executors {
    let http = Arc::new(HttpClient::new(clock.clone()));
    let railway = Arc::new(RailwayApi::new(http.clone(), clock.clone(), endpoint));
    let redis = Arc::new(RedisServers::new(clock.clone()));
    let processes = Arc::new(ProcessGroups::new(clock.clone()));
    Executors::new(Ports { http, railway, redis, processes }, secrets, clock.clone())
}

/// Logs go to standard error, and only where somebody asked for them.
fn log(verbose: u8, serves: bool) {
    let asked = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
    let filter = match (asked, verbose) {
        (Some(filter), _) => filter,
        (None, 0) if serves => "rundown=warn".to_owned(),
        (None, 0) => return,
        (None, 1) => "rundown=info".to_owned(),
        (None, 2) => "rundown=debug".to_owned(),
        (None, _) => "rundown=trace,info".to_owned(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr);
    // Nobody else sets a logger in this process; where somebody does, theirs is as good.
    drop(match std::env::var("RUNDOWN_LOG").as_deref() {
        Ok("json") => builder.event_format(Objects).fmt_fields(JsonFields::new()).try_init(),
        _ => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    });
}
