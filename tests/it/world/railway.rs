//! A Railway look-alike: GraphQL over HTTP, executed against a schema, whose restarts really restart processes.
//!
//! It checks tokens as Railway does, keeps a record of what was asked, and can be told to fail in the ways that
//! Railway fails.

mod full_schema;
mod platform;
mod resolve;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apollo_compiler::executable::{OperationType, Selection};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

pub use full_schema::{differences, full_schema};
pub use platform::{Change, Container, ENVIRONMENT, PROJECT, Platform, Service};
pub use resolve::Access;

/// The schema that the look-alike executes.
pub const SDL: &str = include_str!("../../world/railway.graphql");
pub const ACCOUNT_TOKEN: &str = "account-b41d7f0e-8a55-4d0c";
pub const WORKSPACE_TOKEN: &str = "workspace-9d02c7aa-5f13-4be6";
pub const PROJECT_TOKEN: &str = "project-27c9e6f3-1b90-4a7e";

const PATH: &str = "/graphql/v2";
const BODY_LIMIT: usize = 1024 * 1024;
const ERROR_PAGE: &str =
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>";

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// 429 with `Retry-After` in seconds.
    TooManyRequests { retry_after: u32 },
    /// An HTML page with this status instead of JSON.
    ErrorPage { status: u16 },
    /// No answer ever; the connection stays open.
    Silence,
    /// The connection is reset.
    Reset,
}

/// When a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing was done.
    Before,
    /// It was executed, and every process that it restarts is up again.
    After,
}

/// A request that reached the look-alike.
#[derive(Clone, Debug)]
pub struct Request {
    pub document: String,
    pub variables: Value,
    /// The fields of `Query` or `Mutation` it asked for; none when the document is not valid.
    pub fields: Vec<String>,
    pub access: Access,
    /// The status it was answered with; `None` for silence and resets.
    pub status: Option<u16>,
}

/// The running look-alike.
pub struct Railway {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    schema: Valid<Schema>,
    platform: Arc<Platform>,
    faults: Mutex<Vec<Fault>>,
    requests: Mutex<Vec<Request>>,
}

struct Fault {
    field: String,
    when: When,
    how: How,
    left: u32,
}

enum Outcome {
    Reply(Response<Full<Bytes>>),
    Silence,
    Reset,
}

impl Railway {
    /// Starts to listen on a port of the loopback address.
    pub fn start(platform: Arc<Platform>) -> Self {
        let schema = Schema::parse_and_validate(SDL, "railway.graphql").expect("the look-alike's schema is valid");
        let shared = Arc::new(Shared { schema, platform, faults: Mutex::default(), requests: Mutex::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the look-alike");
        // Port 0: this listener is never closed and opened again, so it needs no reservation.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port for the look-alike");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("its address");
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Lets the next `times` requests that ask for `field` ("" for any request) fail.
    pub fn fail(&self, field: &str, times: u32, when: When, how: How) {
        let fault = Fault { field: field.to_owned(), when, how, left: times };
        self.shared.faults.lock().expect("faults").push(fault);
    }

    /// Faults that nothing has run into yet: a test that planned them should end with none.
    pub fn faults_left(&self) -> u32 {
        self.shared.faults.lock().expect("faults").iter().map(|fault| fault.left).sum()
    }

    /// Everything that was asked, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().expect("requests").clone()
    }

    /// The changes that were carried out, oldest first.
    pub fn changes(&self) -> Vec<Change> {
        self.shared.platform.changes()
    }

    /// Returns when no process is being restarted.
    pub fn wait_until_idle(&self) {
        self.shared.platform.wait_until_idle();
    }
}

impl Drop for Railway {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Never waits, so that a world may be dropped inside another runtime.
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener of this runtime");
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A second handle on the socket, through which a fault can reset it under hyper's feet.
        let Ok(socket) = socket2::SockRef::from(&stream).try_clone() else { continue };
        let socket = Arc::new(socket);
        let service = hyper::service::service_fn(move |request| {
            let (shared, socket) = (Arc::clone(&shared), Arc::clone(&socket));
            async move { serve(request, shared, &socket).await }
        });
        tokio::spawn(async move {
            // A connection that breaks is the client's affair, or a fault that was asked for.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn serve(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
    socket: &socket2::Socket,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    if request.method() != Method::POST || request.uri().path() != PATH {
        return Ok(page(StatusCode::NOT_FOUND));
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(page(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let body = body.to_bytes();
    let answer = tokio::task::spawn_blocking(move || shared.answer(&head.headers, &body)).await;
    match answer.map_err(std::io::Error::other)? {
        Outcome::Reply(response) => Ok(response),
        Outcome::Silence => std::future::pending().await,
        Outcome::Reset => {
            // Without lingering, closing sends a reset.
            socket.set_linger(Some(Duration::ZERO))?;
            Err(std::io::Error::other("a reset was asked for"))
        }
    }
}

impl Shared {
    fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Outcome::Reply(json_reply(StatusCode::BAD_REQUEST, &refusal("POST body is not JSON")));
        };
        let text = body["query"].as_str().unwrap_or_default();
        let mut record = Request {
            document: text.to_owned(),
            variables: body["variables"].clone(),
            fields: Vec::new(),
            access: access(headers),
            status: None,
        };
        let outcome = match ExecutableDocument::parse_and_validate(&self.schema, text, "request.graphql") {
            Ok(document) => self.run(&document, body["operationName"].as_str(), &mut record),
            Err(invalid) => {
                let reply = refusal(&invalid.errors.to_string());
                Outcome::Reply(json_reply(StatusCode::BAD_REQUEST, &reply))
            }
        };
        if let Outcome::Reply(reply) = &outcome {
            record.status = Some(reply.status().as_u16());
        }
        self.requests.lock().expect("requests").push(record);
        outcome
    }

    fn run(&self, document: &Valid<ExecutableDocument>, name: Option<&str>, record: &mut Request) -> Outcome {
        let Ok(operation) = document.operations.get(name) else {
            return Outcome::Reply(json_reply(StatusCode::BAD_REQUEST, &refusal("Unknown operation")));
        };
        let selections = operation.selection_set.selections.iter();
        record.fields = selections
            .filter_map(|selection| match selection {
                Selection::Field(field) => Some(field.name.to_string()),
                _ => None,
            })
            .collect();
        let fault = self.take_fault(&record.fields);
        if let Some((When::Before, how)) = fault {
            return how.outcome();
        }
        let variables = serde_json::from_value::<Option<JsonMap>>(record.variables.clone()).ok().flatten();
        let root = resolve::Root {
            platform: Arc::clone(&self.platform),
            access: record.access,
            is_mutation: operation.operation_type == OperationType::Mutation,
        };
        let response = resolve::execute(&self.schema, document, name, &variables.unwrap_or_default(), &root);
        if let Some((When::After, how)) = fault {
            self.platform.wait_until_idle();
            return how.outcome();
        }
        Outcome::Reply(json_reply(StatusCode::OK, &response))
    }

    fn take_fault(&self, fields: &[String]) -> Option<(When, How)> {
        let mut faults = self.faults.lock().expect("faults");
        let mut waiting = faults.iter_mut().filter(|fault| fault.left > 0);
        let fault = waiting.find(|fault| fault.field.is_empty() || fields.contains(&fault.field))?;
        fault.left -= 1;
        Some((fault.when, fault.how))
    }
}

impl How {
    fn outcome(self) -> Outcome {
        match self {
            Self::TooManyRequests { retry_after } => {
                let mut reply = json_reply(StatusCode::TOO_MANY_REQUESTS, &refusal("Rate limit exceeded"));
                reply.headers_mut().insert("Retry-After", retry_after.into());
                reply.headers_mut().insert("X-RateLimit-Remaining", 0.into());
                Outcome::Reply(reply)
            }
            Self::ErrorPage { status } => Outcome::Reply(page(StatusCode::from_u16(status).expect("an HTTP status"))),
            Self::Silence => Outcome::Silence,
            Self::Reset => Outcome::Reset,
        }
    }
}

/// Account tokens come as `Authorization: Bearer`, project tokens in their own header; one in the other's place is
/// worth nothing.
fn access(headers: &HeaderMap) -> Access {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("Authorization").and_then(|value| value.strip_prefix("Bearer ")) == Some(ACCOUNT_TOKEN) {
        Access::Account
    } else if header("Authorization").and_then(|value| value.strip_prefix("Bearer ")) == Some(WORKSPACE_TOKEN) {
        Access::Workspace
    } else if header("Project-Access-Token") == Some(PROJECT_TOKEN) {
        Access::Project
    } else {
        Access::Nobody
    }
}

fn refusal(message: &str) -> Value {
    json!({ "errors": [{ "message": message, "extensions": { "code": "BAD_USER_INPUT" } }] })
}

fn json_reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
    *reply.status_mut() = status;
    reply.headers_mut().insert("Content-Type", hyper::header::HeaderValue::from_static("application/json"));
    reply
}

fn page(status: StatusCode) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(Bytes::from_static(ERROR_PAGE.as_bytes())));
    *reply.status_mut() = status;
    reply.headers_mut().insert("Content-Type", hyper::header::HeaderValue::from_static("text/html"));
    reply
}
