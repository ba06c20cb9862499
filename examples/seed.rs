#![allow(clippy::all, clippy::pedantic, clippy::disallowed_methods)]
use chrono::{DateTime, TimeDelta, Utc};
use rundown::base::clock::VirtualClock;
use rundown::base::event::{Actor, Person, Severity};
use rundown::bot::library::{At, Library};
use rundown::config::Folder;
use rundown::domain::incident::Command;
use rundown::domain::incident::event::{Milestone, Status};
use rundown::domain::run::input;
use rundown::engine::{Engine, Open};
use rundown::journal::sqlite::SqliteJournal;
use std::sync::Arc;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (path, runbooks, incidents, runs): (&str, &str, i64, i64) =
        (&args[1], &args[2], args[3].parse().unwrap(), args[4].parse().unwrap());
    let journal = Arc::new(SqliteJournal::open(path).unwrap());
    let library = Library::new(
        Folder::Named(runbooks.into()),
        Box::new(|_| Some("https://x.example.com".into())),
        "/tmp/none".into(),
    );
    let plan = library.plan(&args[5], &At::default()).unwrap().plan;
    let actor = Actor::Person { name: Person::new("Ana"), login: None, door: "terminal".into() };
    let end: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
    for n in 0..incidents {
        let at = end - TimeDelta::hours(17 * (incidents - n));
        let engine = |minutes: i64| {
            Engine::new(journal.clone(), Arc::new(VirtualClock::starting_at(at + TimeDelta::minutes(minutes))))
        };
        let severity = [Severity::P0, Severity::P1, Severity::P2, Severity::P3][(n % 4) as usize];
        let (id, _) = engine(0)
            .declare(
                &actor,
                Command::Declare {
                    title: format!("Uploads are slow, case {n}"),
                    severity: Some(severity),
                    environment: Some(if n % 3 == 0 { "staging" } else { "production" }.into()),
                    zone: Some("America/Santiago".into()),
                    started: Some(at - TimeDelta::minutes(5 + n % 7)),
                    detected: Some(at),
                },
            )
            .await
            .unwrap();
        engine(3 + n % 5).incident_command(&id, &actor, None, Command::Acknowledge).await.unwrap();
        for k in 0..runs {
            let e = engine(6 + k);
            let open = Open {
                incident: id.clone(),
                incident_started: at,
                by: actor.clone(),
                from: None,
                approves: vec![],
                follow_up: false,
            };
            let run = e.open_run(&plan, open).await.unwrap();
            engine(20 + k + n % 9)
                .command(&run, &actor, input::Command::Cancel { why: Some("it was the wrong one".into()) })
                .await
                .unwrap();
        }
        if n + 2 < incidents {
            engine(30 + n % 30)
                .incident_command(
                    &id,
                    &actor,
                    None,
                    Command::SetMilestone {
                        milestone: Milestone::Mitigated,
                        at: at + TimeDelta::minutes(29 + n % 30),
                        why: None,
                    },
                )
                .await
                .unwrap();
            let e = engine(60 + (n * 7) % 90);
            e.incident_command(&id, &actor, None, Command::SetStatus { status: Status::Monitoring, why: None })
                .await
                .unwrap();
            e.incident_command(&id, &actor, None, Command::Resolve { why: Some("it is over".into()) }).await.unwrap();
        }
    }
}
