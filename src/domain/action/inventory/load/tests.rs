//! What operators write in `targets.yaml`, and what they are told when it is wrong.

use std::path::PathBuf;

use super::{SecretFrom, load};
use crate::domain::source::fault;

const PAGE: &str = r#"
environments:
  production:
    zone: america/santiago
    confirm: true
    targets:
      backend:
        url: { env: API_URL, default: "https://api.example/" }
      redis:
        railway:
          project: p-1
          environment: { env: RAILWAY_ENVIRONMENT_ID }
          service: { env: RAILWAY_REDIS_SERVICE_ID }
          token: railway
        redis: redis_url
        approval: { quorum: 2, approvers: [Ana, Ben, Ana], not_requester: true }
        budget: { changes: 3, per: 1h }
  staging:
    targets: { backend: { url: http://localhost:8000 } }
secrets:
  railway: { env: RAILWAY_TOKEN }
  redis_url: { file: secrets/redis, hosts: ["cache.example:6380"], programs: [python3] }
programs:
  python3: { env: [BASE_URL] }
variables: [E2E_SCRIPT, NOT_SET]
"#;

fn env(name: &str) -> Option<String> {
    match name {
        "RAILWAY_ENVIRONMENT_ID" => Some("e-1".into()),
        "RAILWAY_REDIS_SERVICE_ID" => Some(" ".into()),
        "E2E_SCRIPT" => Some("suite.py".into()),
        _ => None,
    }
}

#[test]
fn an_environment_is_filled_from_variables_and_says_which_are_missing() {
    let all = load(PAGE, "ops/targets.yaml", &env).unwrap();
    let production = all.pick(None).unwrap();
    assert_eq!((production.environment.as_str(), production.zone.as_str()), ("production", "America/Santiago"));
    assert!(production.confirm);
    assert_eq!(production.targets["backend"].url.as_deref(), Some("https://api.example"));
    let redis = &production.targets["redis"];
    assert_eq!(redis.railway, None, "its service is not known yet");
    assert_eq!(redis.unset["railway.service"], "RAILWAY_REDIS_SERVICE_ID");
    assert_eq!(redis.unset.len(), 1);
    assert_eq!(redis.redis.as_deref(), Some("redis_url"));
    assert_eq!((redis.approval.quorum, redis.approval.approvers.len()), (2, 2), "a person counts once");
    assert_eq!(production.variables["NOT_SET"], "");
    assert_eq!(production.variables["E2E_SCRIPT"], "suite.py");

    let set = |name: &str| if name == "RAILWAY_REDIS_SERVICE_ID" { Some("s-1".into()) } else { env(name) };
    let all = load(PAGE, "targets.yaml", &set).unwrap();
    let service = all.pick(Some("production")).unwrap().targets["redis"].railway.clone().unwrap();
    assert_eq!(
        (service.target.as_str(), service.service.as_str(), service.token.as_str()),
        ("redis", "s-1", "railway")
    );
}

#[test]
fn the_operator_says_what_cannot_be_taken_back() {
    use serde_json::json;

    use crate::domain::action::Action;
    let page = r#"
environments:
  production:
    targets:
      archive: { url: http://a, approval: { irreversible: true } }
      backend: { url: http://b }
programs: { pg_restore: { irreversible: true }, python3: {} }
"#;
    let all = load(page, "targets.yaml", &env).unwrap();
    let inventory = all.pick(None).unwrap();
    let action = |json: serde_json::Value| serde_json::from_value::<Action>(json).unwrap();
    let http = |target, method| action(json!({"http": {"method": method, "url": "http://x", "target": target}}));
    let program = |name| action(json!({"exec": {"argv": [name]}}));
    let says = |action: Action| inventory.irreversible(&action);
    assert!(says(http("archive", "POST")) && says(program("pg_restore")));
    assert!(!says(http("archive", "GET")), "a read changes nothing");
    assert!(!says(http("backend", "DELETE")) && !says(program("python3")));
    let odd = page.replace("irreversible: true }, python3", "irreversible: maybe }, python3");
    let faults = load(&odd, "targets.yaml", &env).unwrap_err();
    assert_eq!((faults[0].line, faults[0].code), (7, "wrong-type"));
}

#[test]
fn secrets_say_where_they_are_and_where_they_may_go() {
    let all = load(PAGE, "ops/targets.yaml", &env).unwrap();
    let [railway, redis] = all.secrets.as_slice() else { panic!("{:?}", all.secrets) };
    assert_eq!(railway.from, SecretFrom::Env("RAILWAY_TOKEN".into()));
    assert!(railway.hosts.is_empty() && railway.programs.is_empty(), "only Railway's own client gets it");
    assert_eq!(redis.from, SecretFrom::File(PathBuf::from("ops/secrets/redis")));
    assert_eq!(all.environments["staging"].secrets["redis_url"].hosts, ["cache.example:6380"]);
}

#[test]
fn an_environment_must_be_named_where_none_is_the_usual_one() {
    let page = "environments: { blue: {}, green: {} }";
    let all = load(page, "targets.yaml", &env).unwrap();
    insta::assert_snapshot!(all.pick(None).unwrap_err(), @"which environment? name one with --env: blue, green");
    insta::assert_snapshot!(all.pick(Some("geren")).unwrap_err(), @"there is no environment 'geren'; did you mean 'green'?");
    assert_eq!(load("environments: { blue: {} }", "t", &env).unwrap().pick(None).unwrap().environment, "blue");
}

#[test]
fn every_fault_is_told_at_its_place_and_no_value_is_repeated() {
    let page = r#"environments:
  production:
    zone: Berlin
    tragets: {}
    targets:
      back-end: {}
      backend: { url: "https://user:hunter2@host/" }
      cache:
        url: api.example
        redis: sk-live-abcdef
        railway: { project: p, service: { evn: X }, token: railwya }
        approval: { quorum: 3, approvers: [Ana], not_requester: { env: STRICT } }
        budget: { changes: 0, per: soon }
secrets:
  railway: abc123
  other: { hosts: ["https://x"], programs: [python] }
programs:
  python3: { enviroment: [A] }
  /bin/sh: {}
variables: [1A]
"#;
    let faults = load(page, "targets.yaml", &env).unwrap_err();
    let text = fault::render(&faults, "targets.yaml", page, false);
    let sentences: String = faults.iter().map(|fault| format!("{} {:?}", fault.message, fault.hint)).collect();
    for value in ["hunter2", "sk-live-abcdef", "abc123"] {
        assert!(!sentences.contains(value), "{value}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_no_file_of_targets_is_refused() {
    for page in ["", "[]", "environments: 1", "a: &a [*a]", "{{", "\t- a", "environments: {}"] {
        assert!(!load(page, "targets.yaml", &env).unwrap_err().is_empty(), "{page}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(page in "\\PC{0,200}", cut in 0..PAGE.len()) {
        let _ = load(&page, "targets.yaml", &env);
        let _ = load(&PAGE[..cut], "targets.yaml", &env);
    }
}
