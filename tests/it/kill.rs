//! Kill it anywhere: SIGKILL after every event of a run in turn, resume, and hold the world to it that nothing was done
//! twice unless a person said so.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::rundown::Desk;

const TARGETS: &str = "
environments:
  production:
    targets:
      backend:
        url: { env: BACKEND_URL }
";

const PAGE: &str = "
# Take and give back

## Do it

### Look
```yaml rundown
id: look
http: { get: \"{{target.backend.url}}/health\" }
expect: [status == 200]
```

### Take
```yaml rundown
id: take
http: { post: \"{{target.backend.url}}/take\", json: { spool: T-2 } }
approval: { quorum: 1, within: 15m }
```

### Rest
```yaml rundown
wait: { for: 200ms }
```

### Watch
```yaml rundown
id: watch
watch:
  for: 2s
  every: 1s
  sample: { http: { get: \"{{target.backend.url}}/stats\" } }
  series: { active: body.active }
  expect: [{ that: active < 15 }]
  min_coverage: 0%
```

### Keep it?
```yaml rundown
id: keep
decide:
  cases:
    - { id: keep, when: steps.take.ok, go: give_back }
    - { id: stop, go: stop }
```

### Give back
```yaml rundown
id: give_back
http: { post: \"{{target.backend.url}}/give_back\", json: { spool: T-2 } }
always: { after: take }
```

## Success criteria
- [ ] It was taken: `steps.take.ok`
- [ ] It was given back: `steps.give_back.ok`
";

/// A backend that counts what it is told to do, by path and idempotency key.
struct Backend {
    url: String,
    done: Arc<Mutex<Vec<(String, String)>>>,
}

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let done = Arc::new(Mutex::new(Vec::new()));
        let told = done.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = told.clone();
                std::thread::spawn(move || drop(answer(stream, &told)));
            }
        });
        Self { url, done }
    }

    fn times(&self, path: &str) -> usize {
        self.done.lock().expect("no poison").iter().filter(|(done, _)| done == path).count()
    }

    fn saw_key(&self, key: &str) -> bool {
        self.done.lock().expect("no poison").iter().any(|(_, seen)| seen == key)
    }
}

fn answer(stream: TcpStream, done: &Mutex<Vec<(String, String)>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length, mut key) = (String::new(), 0, String::new());
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => value.trim().clone_into(&mut key),
            _ => {}
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    if method == "POST" {
        done.lock().expect("no poison").push((path, key));
    }
    let body = r#"{"spool":"T-2","active":3}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (&stream).write_all(format!("{head}{body}").as_bytes())
}

fn desk(backend: &Backend) -> Desk {
    let mut desk = Desk::with_pages(&[("targets.yaml", TARGETS), ("take.md", PAGE)]);
    desk.set("BACKEND_URL", backend.url.clone());
    desk
}

const RUN: [&str; 6] = ["run", "take", "--json", "--yes", "--approve", "all"];

/// What a run came to, by step and as a whole.
fn results(desk: &Desk) -> (BTreeMap<String, bool>, Value) {
    let timeline = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    let mut steps = BTreeMap::new();
    let mut outcome = Value::Null;
    for event in timeline {
        match event["kind"].as_str() {
            Some("step.finished") => {
                let step = event["body"]["step"].as_str().unwrap_or_default().to_owned();
                steps.insert(step, event["body"]["ok"] == true);
            }
            Some("run.finished") => outcome = event["body"]["outcome"].clone(),
            _ => {}
        }
    }
    (steps, outcome)
}

/// Goes on until the run is over; a doubt is settled by what the world saw, as a careful person would.
fn resume_to_the_end(desk: &Desk, backend: &Backend) -> usize {
    let mut said_again = 0;
    for _ in 0..10 {
        let said = desk.rundown(&["run", "--resume", "--json", "--yes", "--approve", "all"]);
        match said.code {
            0 => return said_again,
            3 => {
                let timeline = desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
                let sent =
                    timeline.iter().rev().find(|event| event["kind"] == "attempt.sent").expect("something was sent");
                let key = sent["body"]["key"].as_str().expect("a key");
                let verdict = if backend.saw_key(key) { "done" } else { "again" };
                said_again += usize::from(verdict == "again");
                desk.rundown(&["settle", verdict, "--why", "the backend's own log says so"]).exits(0);
            }
            2 if said.err.contains("no run is open") => {
                // It was over before the process died, or died before anything of it was on disk.
                let known = desk.rundown(&["timeline", "inc-1", "--json"]);
                if known.out.contains("run.finished") {
                    return said_again;
                }
                let mut start = RUN.to_vec();
                if known.code == 0 {
                    start.extend(["--incident", "inc-1"]);
                }
                if desk.rundown(&start).code == 0 {
                    return said_again;
                }
            }
            _ => panic!("{said:?}"),
        }
    }
    panic!("it never ends");
}

#[test]
fn killed_after_any_event_a_run_ends_the_same_and_repeats_nothing_in_silence() {
    let backend = Backend::start();
    let whole = desk(&backend);
    let events = whole.rundown(&RUN).exits(0).events().len();
    let expected = results(&whole);
    assert_eq!(expected.1, "succeeded");
    assert!(events > 20, "{events} events");
    let kill_after = |count: usize| {
        let backend = Backend::start();
        let desk = desk(&backend);
        let mut run = desk.watch(&RUN);
        for _ in 0..count {
            run.next_event();
        }
        run.kill();
        let again = resume_to_the_end(&desk, &backend);
        let (steps, outcome) = results(&desk);
        assert_eq!(outcome, "succeeded", "killed after event {count}");
        // A step whose doubt a person settled as done has no answer to save from; all other results are the same.
        for (step, ok) in &expected.0 {
            assert_eq!(steps.get(step), Some(ok), "{step}, killed after event {count}");
        }
        for path in ["/take", "/give_back"] {
            assert!(
                backend.times(path) >= 1 && backend.times(path) <= 1 + again,
                "{path} {}×, killed after {count}",
                backend.times(path)
            );
        }
        desk.rundown(&["verify"]).exits(0);
    };
    std::thread::scope(|scope| {
        for lane in 0..4 {
            let kill_after = &kill_after;
            scope.spawn(move || (1..events).filter(|count| count % 4 == lane).for_each(kill_after));
        }
    });
}
