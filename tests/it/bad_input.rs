//! Whatever is thrown at it: a clear sentence each, nothing lost, never a panic.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rundown::base::clock::{Clock, RealClock};

use crate::rundown::{Desk, Said};

#[track_caller]
fn calm(said: &Said) {
    let all = format!("{}{}", said.out, said.err);
    assert!(!all.contains("panicked") && !all.contains("RUST_BACKTRACE"), "{all}");
    assert!(said.code == 1 || said.code == 2 || said.code == 3, "exit {}: {all}", said.code);
    assert!(all.len() < 200_000, "{} bytes of output", all.len());
}

fn page(block: &str) -> String {
    format!("# Page\n\n## Phase\n\n### Step\n```yaml rundown\n{block}\n```\n")
}

#[test]
fn pages_that_are_no_pages_are_refused_in_a_sentence() {
    let nested = |open: &str, close: &str| format!("{}1{} == 1", open.repeat(10_000), close.repeat(10_000));
    let bomb = {
        let mut yaml = String::from("id: a\nset:\n  a: &a [x, x, x, x, x, x, x, x, x]\n");
        for (previous, name) in ('a'..'i').zip('b'..='i') {
            yaml.push_str(&format!("  {name}: &{name} [{}]\n", vec![format!("*{previous}"); 9].join(", ")));
        }
        yaml
    };
    let steps = (0..10_000).map(|n| format!("### Step {n}\nDo it.\n\n")).collect::<String>();
    let pages: Vec<(&str, Vec<u8>, &str)> = vec![
        ("binary", (0..=255u8).cycle().take(4_096).collect(), "text"),
        ("ten-megabytes", format!("# Page\n\n### Step\n{}", "word ".repeat(2_000_000)).into_bytes(), "2 MiB"),
        ("ten-thousand-steps", format!("# Page\n\n## Phase\n\n{steps}").into_bytes(), "5000 steps"),
        ("yaml-bomb", page(&bomb).into_bytes(), ""),
        ("nested-cel", page(&format!("id: a\nset: {{ a: \"{}\" }}", nested("(", ")"))).into_bytes(), ""),
        ("nested-lists", page(&format!("id: a\nset: {{ a: \"{}\" }}", nested("[", "]"))).into_bytes(), ""),
        ("nested-yaml", page(&format!("set: {}{}", "[".repeat(10_000), "]".repeat(10_000))).into_bytes(), ""),
        (
            "a-minute-of-cel",
            page("id: a\nset: { a: \"[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3].all(b, [1,2,3].all(c, a + b + c > 0)))\" }")
                .into_bytes(),
            "inside",
        ),
        (
            "a-gigabyte-of-text",
            page("notify: \"{{#each inputs}}{{#each inputs}}{{#each inputs}}x{{/each}}{{/each}}{{/each}}\"")
                .into_bytes(),
            "each",
        ),
        (
            "itself",
            b"---\nid: itself\n---\n# Page\n\n### Again\n```yaml rundown\nrunbook: itself\n```\n".to_vec(),
            "itself",
        ),
    ];
    for (name, bytes, says) in pages {
        let desk = Desk::with_pages(&[("targets.yaml", "environments: { test: { targets: {} } }")]);
        let path = desk.path().join("runbooks").join(format!("{name}.md"));
        std::fs::write(&path, bytes).expect("a page");
        let said = desk.rundown(&["check", &path.to_string_lossy()]);
        calm(&said);
        assert!(said.out.contains(says) || said.err.contains(says), "{name}: {}{}", said.out, said.err);
    }
}

/// A server that does one odd thing with every connection.
fn odd_server(behave: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let behave = std::sync::Arc::new(behave);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behave = behave.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone()?);
                let mut line = String::from("-");
                while !line.trim().is_empty() {
                    line.clear();
                    reader.read_line(&mut line)?;
                }
                behave(stream)
            });
        }
    });
    url
}

const TARGETS: &str = "environments: { test: { targets: { odd: { url: { env: ODD_URL } } } } }";

fn ask(url: String, block: &str) -> Said {
    let mut desk = Desk::with_pages(&[("targets.yaml", TARGETS), ("odd.md", &page(block))]);
    desk.set("ODD_URL", url);
    let said = desk.rundown(&["run", "odd", "--yes"]);
    desk.rundown(&["verify"]).exits(0);
    said
}

#[test]
fn answers_that_are_no_answers_fail_the_step_and_nothing_else() {
    let get = "http: { get: \"{{target.odd.url}}/\" }\nexpect: [body == 1]\ntimeout: 2s\non_failure: stop";
    let garbage =
        odd_server(|mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xfe\x00\x9b"));
    let endless = odd_server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")?;
        let chunk = vec![b'x'; 1 << 20];
        (0..1024).try_for_each(|_| stream.write_all(&chunk))
    });
    let trickle = odd_server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")?;
        loop {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    let escapes = odd_server(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n\x1b[2J\x1b]0;owned\x07\x1b[31mred!!")
    });
    for (name, url) in [("garbage", garbage), ("endless", endless), ("trickle", trickle), ("escapes", escapes)] {
        let clock = RealClock::default();
        let said = ask(url, get).exits(1);
        calm(&said);
        assert!(!said.out.contains('\x1b') && !said.err.contains('\x1b'), "{name}: {:?}{:?}", said.out, said.err);
        assert!(clock.monotonic() < Duration::from_secs(30), "{name} held everything up");
    }
}

#[test]
fn a_child_that_ignores_sigterm_and_floods_is_ended_with_its_children() {
    let targets = "environments: { test: { targets: {} } }\nprograms: { sh: {} }";
    let block = "exec: { argv: [sh, -c, \"trap '' TERM; sleep 1000 & while :; do echo flood flood flood; done\"] }\ntimeout: 2s\non_doubt: ask\non_failure: stop";
    let desk = Desk::with_pages(&[("targets.yaml", targets), ("flood.md", &page(block))]);
    let said = desk.rundown(&["run", "flood", "--yes"]).exits(3);
    calm(&said);
    desk.rundown(&["settle", "abort", "--why", "it only floods"]).exits(0);
    desk.rundown(&["run", "--resume", "--yes"]).exits(1);
}

#[test]
fn a_journal_that_cannot_be_written_says_so_before_anything_is_done() {
    let desk = Desk::with_pages(&[("targets.yaml", TARGETS), ("hand.md", "# Page\n\n### By hand\nDo it.\n")]);
    desk.rundown(&["run", "hand", "--yes"]).exits(3);
    std::fs::write(desk.journal(), b"this is no database, whatever its name says").expect("overwritten");
    let _ = std::fs::remove_file(desk.path().join("journal.db-wal"));
    let said = desk.rundown(&["run", "hand", "--yes"]);
    calm(&said);
    assert!(said.err.contains("journal"), "{}", said.err);
    let folder = desk.path().join("locked");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).expect("a mode");
    let path = folder.join("no").join("journal.db");
    let said = desk.rundown(&["run", "hand", "--yes", "--journal", "/proc/self/journal.db"]);
    calm(&said);
    assert!(!path.exists() && said.err.contains("journal"), "{}", said.err);
}

/// Runs a page under `strace`, which fails system calls on the journal's files for real.
#[cfg(target_os = "linux")]
fn with_failing_disk(inject: &str, file: &str) -> (Desk, Said) {
    let desk = Desk::with_pages(&[
        ("targets.yaml", "environments: { test: { targets: {} } }\nprograms: { 'true': {} }"),
        (
            "long.md",
            &format!("# Page\n\n## Phase\n\n{}", "### Step\n```yaml rundown\nexec: { argv: ['true'] }\n```\n\n"),
        ),
        (
            "many.md",
            &format!(
                "# Page\n\n## Phase\n\n{}",
                (0..30)
                    .map(|n| format!(
                        "### Step {n}\n```yaml rundown\nexec: {{ argv: ['true'] }}\nidempotent: true\n```\n\n"
                    ))
                    .collect::<String>()
            ),
        ),
    ]);
    // The journal exists before the disk fails.
    desk.rundown(&["run", "long", "--yes"]).exits(0);
    let plain = desk.command(&["run", "many", "--yes"]);
    let canonical = desk.path().canonicalize().expect("a path").join(file);
    let mut traced = std::process::Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(canonical).args(["-e", &format!("inject={inject}")]);
    traced.arg(plain.get_program()).args(plain.get_args()).current_dir(desk.path()).stdin(std::process::Stdio::null());
    traced.env_clear();
    for (name, value) in plain.get_envs() {
        traced.env(name, value.unwrap_or_default());
    }
    let output = traced.output().expect("strace runs: script/bootstrap installs it");
    let said = Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    (desk, said)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_failing_fsync_stop_the_run_in_a_sentence_and_lose_nothing() {
    for (inject, file, lasting) in [
        ("pwrite64,write:error=ENOSPC:when=40+", "journal.db-wal", true),
        ("fsync,fdatasync:error=EIO:when=12+", "journal.db-wal", true),
        ("fsync,fdatasync:error=EIO:when=12", "journal.db-wal", false),
    ] {
        let (desk, said) = with_failing_disk(inject, file);
        assert!(!said.err.contains("panicked"), "{inject}: {}", said.err);
        if lasting {
            calm(&said);
            assert!(said.err.contains("journal"), "{inject}: {}", said.err);
        }
        desk.rundown(&["verify"]).exits(0);
        if said.code != 0 {
            desk.rundown(&["run", "--resume", "--yes"]).exits(0);
        }
        desk.rundown(&["verify"]).exits(0);
    }
}
