//! What a person does on a page: every address to which something is posted, and what happens there.
//!
//! Lives here: [`ROUTES`], asking for a second tap or a reason, telling what came of it. Works without any
//! script. Never lives here: forms of pages (`pages`), whether the request is one of ours (`session`: that is settled before), whether the person may (`bot/rights`),
//! what follows (the run or the incident decides).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use maud::{Markup, html};

use super::pages::shell::{Place, message, page, page_for};
use super::session::{Gate, Here, Posted, Said, Viewer, sign_in, sign_out};
use crate::base::event::{IncidentId, Recorded, RunId};
use crate::base::text::one_line;
use crate::bot::grammar::{Command as Typed, Incident, Note, Tick};
use crate::bot::offers::{About, First, Offer, OfferId, Weight};
use crate::bot::paging::Paged;
use crate::bot::rights::{need, of_said};
use crate::bot::taking::Came;
use crate::bot::waiting::waiting;
use crate::bot::{Bot, Fault, offers};
use crate::domain::people::{Right, Verdict};
use crate::domain::run::input::Command;
use crate::domain::timeline::Fact;
use crate::view::pages::headline;
use crate::view::sentence::Wording;

/// The longest text that somebody may write into a form, in characters.
const LONGEST: usize = 8_000;
/// The longest address to go back to, in characters.
const BACK: usize = 500;

/// What is done at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A link is used.
    SignIn,
    /// A session is ended.
    SignOut,
    /// An offer is taken: fields `offer`, and where it asks for one `text`.
    Offer,
    /// Something is written into an incident's timeline: fields `text` and `at`.
    Note,
    /// An incident is taken on.
    Ack,
    /// A success criterion is ticked: field `criterion`.
    Tick,
    /// A run is held up, let go on, or ended: fields `verb` and `why`.
    Steer,
}

/// Every address to which something is posted. There is no other: the router is made of this, and a test walks it.
pub const ROUTES: [(&str, Act); 7] = [
    ("/login/{token}", Act::SignIn),
    ("/logout", Act::SignOut),
    ("/act", Act::Offer),
    ("/incidents/{incident}/note", Act::Note),
    ("/incidents/{incident}/ack", Act::Ack),
    ("/runs/{run}/tick", Act::Tick),
    ("/runs/{run}/steer", Act::Steer),
];

/// The addresses.
pub fn router(gate: Arc<Gate>) -> Router {
    let all = ROUTES.into_iter().fold(Router::new(), |router, (path, act)| {
        let handler = move |State(gate): State<Arc<Gate>>,
                            here: Here,
                            viewer: Option<Extension<Viewer>>,
                            named: Option<Path<String>>,
                            Extension(form): Extension<Posted>| async move {
            let viewer = viewer.map(|Extension(viewer)| viewer);
            let named = named.map(|Path(named)| named).unwrap_or_default();
            carry_out(act, &gate, &here, viewer.as_ref(), &named, &form).await
        };
        router.route(path, post(handler))
    });
    all.with_state(gate)
}

async fn carry_out(
    act: Act,
    gate: &Gate,
    here: &Here,
    viewer: Option<&Viewer>,
    named: &str,
    form: &Posted,
) -> Response {
    let viewer = match (act, viewer) {
        (Act::SignIn, viewer) => return sign_in(gate, here, viewer, named).await,
        (_, Some(viewer)) => viewer,
        // The gate lets nobody through without; should it ever, nothing is done.
        (_, None) => return (StatusCode::UNAUTHORIZED, message("Sign in", &["Sign in first."])).into_response(),
    };
    let desk = Desk { gate, here, viewer, form };
    let longest = form.field("text").or(form.field("why")).map_or(0, |text| text.chars().count());
    if longest > LONGEST {
        let why = format!("That text is too long: {LONGEST} characters are taken.");
        return (StatusCode::PAYLOAD_TOO_LARGE, message("That was not done", &[&why])).into_response();
    }
    let done = match act {
        Act::SignIn | Act::SignOut => return sign_out(gate, here, viewer, form).await,
        Act::Offer => desk.offer().await,
        Act::Note => desk.note(named).await,
        Act::Ack => desk.ack(named).await,
        Act::Tick => desk.tick(named).await,
        Act::Steer => desk.steer(named).await,
    };
    done.unwrap_or_else(|refused| *refused)
}

/// One form that is being carried out.
struct Desk<'a> {
    gate: &'a Gate,
    here: &'a Here,
    viewer: &'a Viewer,
    form: &'a Posted,
}

type Done = Result<Response, Box<Response>>;

impl Desk<'_> {
    fn bot(&self) -> &Bot {
        self.gate.bot()
    }

    async fn offer(&self) -> Done {
        let id = OfferId::parse(self.form.field("offer").unwrap_or_default());
        let id = id.ok_or_else(|| said_no(StatusCode::BAD_REQUEST, "There is no such offer.", "/"))?;
        let usual = self.home(&id.about).await?;
        let back = self.back(&usual);
        let offer = self.bot().offered(&id).await.map_err(|fault| self.failed(&fault, false, &back))?;
        let Some(offer) = offer else { return Err(self.settled(&id.about, &back).await) };
        let text = self.form.text("text");
        let missing = match offer.first {
            First::Do => false,
            First::Confirm => self.form.field("confirmed").is_none(),
            First::Reason | First::Value | First::Note => text.is_none(),
            // A field that was left empty is an answer: there is nothing to remark.
            First::Remark => self.form.field("text").is_none(),
        };
        if missing {
            return Ok(self.once_more(&offer, &back, None).await);
        }
        let lacks = self.lacks(&offer);
        let explains = text.is_none() && offer.clone().says(Some("x".to_owned())) != offer.clone().says(None);
        match self.bot().take(&self.viewer.who, offer.clone(), text).await {
            Ok(came) => Ok(self.done(came, &back).await),
            // Who may with a reason, or knows better than the gate, is asked for one.
            Err(fault @ Fault::Failed(_)) if explains && !lacks => {
                Ok(self.once_more(&offer, &back, Some(&fault)).await)
            }
            Err(fault) => Err(self.failed(&fault, lacks, &back)),
        }
    }

    async fn note(&self, named: &str) -> Done {
        let incident = incident(named)?;
        let back = self.back(&format!("/incidents/{incident}"));
        let text =
            self.form.text("text").ok_or_else(|| said_no(StatusCode::BAD_REQUEST, "There is nothing in it.", &back))?;
        let at = self.form.text("at");
        self.typed(Typed::Note(Note { text: vec![text], incident: Some(incident), at }), &back).await
    }

    async fn ack(&self, named: &str) -> Done {
        let incident = incident(named)?;
        let back = self.back(&format!("/incidents/{incident}"));
        self.typed(Typed::Incident(Incident::Ack { incident: Some(incident) }), &back).await
    }

    async fn tick(&self, named: &str) -> Done {
        let run = run(named)?;
        let back = self.back(&self.home_of(&run).await?);
        let criterion =
            self.form.text("criterion").and_then(|criterion| criterion.parse().ok()).filter(|number| *number > 0);
        let criterion =
            criterion.ok_or_else(|| said_no(StatusCode::BAD_REQUEST, "There is no such criterion.", &back))?;
        self.typed(Typed::Tick(Tick { criterion, run: Some(run) }), &back).await
    }

    async fn steer(&self, named: &str) -> Done {
        let run = run(named)?;
        let back = self.back(&self.home_of(&run).await?);
        let why = self.form.text("why");
        let said = match self.form.field("verb") {
            Some("pause") => Command::Pause { why },
            Some("resume") => Command::Resume,
            Some("stop") => Command::Stop { why },
            Some("cancel") => Command::Cancel { why },
            _ => {
                return Err(said_no(StatusCode::BAD_REQUEST, "A run is paused, resumed, stopped or cancelled.", &back));
            }
        };
        let lacks = self.refused(of_said(&said));
        match self.bot().tell_run(&self.viewer.who, &run, said).await {
            Ok(written) => Ok(self.done(written.into(), &back).await),
            Err(fault) => Err(self.failed(&fault, lacks, &back)),
        }
    }

    async fn typed(&self, typed: Typed, back: &str) -> Done {
        let lacks = self.refused(need(&typed).1);
        match self.bot().take_typed(&self.viewer.who, typed).await {
            Ok(came) => Ok(self.done(came, back).await),
            Err(fault) => Err(self.failed(&fault, lacks, back)),
        }
    }

    /// Whether the person has no right to it whatever they say: only for how a refusal is told. The bot decides.
    fn refused(&self, right: Right) -> bool {
        matches!(self.viewer.who.may(right), Verdict::Refused(_))
    }

    fn lacks(&self, offer: &Offer) -> bool {
        self.refused(match offer.clone().says(Some("x".to_owned())) {
            offers::Says::Run(said) => of_said(&said),
            offers::Says::Typed(typed) => need(&typed).1,
        })
    }

    /// Where to go on: where the form says, as far as that is a page of ours.
    fn back(&self, usual: &str) -> String {
        let named = self.form.field("back").filter(|path| is_local(path));
        named.unwrap_or(usual).to_owned()
    }

    /// The page that shows what an offer is about.
    async fn home(&self, about: &About) -> Result<String, Box<Response>> {
        Ok(match about {
            About::Incident(incident) => format!("/incidents/{incident}"),
            About::Run(run) => self.home_of(run).await?,
            About::Page(_) => "/".to_owned(),
            About::Cover(_) => "/oncall".to_owned(),
        })
    }

    async fn home_of(&self, run: &RunId) -> Result<String, Box<Response>> {
        let incident = self.bot().incident_of(run).await.map_err(|fault| self.failed(&fault, false, "/"))?;
        Ok(format!("/incidents/{incident}"))
    }

    async fn done(&self, came: Came, back: &str) -> Response {
        let text = self.told(&came).await;
        on(back, self.gate.saying(self.here, self.viewer, &Said { done: true, text }))
    }

    async fn told(&self, came: &Came) -> String {
        let (facts, zone, told) = match came {
            Came::Started(run) => return format!("{run} was started"),
            Came::Paged(paged) => {
                return match &**paged {
                    Paged::Told { page, .. } => headline(page),
                    Paged::List { .. } => String::new(),
                };
            }
            Came::Written { facts, zone, told } => (facts, *zone, told),
        };
        let mut wording = Wording::new(zone);
        if let Some(run) = facts.iter().find_map(run_of)
            && let Ok(state) = self.bot().state(run).await
        {
            wording.know(run, &state.plan);
        }
        let said = facts.iter().filter_map(|fact| wording.tell(&fact.event));
        let said: Vec<String> = said.chain(told.iter().cloned()).collect();
        if said.is_empty() { "nothing changes: it is so already".to_owned() } else { said.join("; ") }
    }

    /// What was refused, as a page: nothing was done.
    fn failed(&self, fault: &Fault, lacks: bool, back: &str) -> Box<Response> {
        let status = match fault {
            Fault::Usage(_) => StatusCode::BAD_REQUEST,
            Fault::Failed(_) if lacks => StatusCode::FORBIDDEN,
            Fault::Failed(_) | Fault::NeedsHuman(_) => StatusCode::CONFLICT,
        };
        said_no(status, &fault.to_string(), back)
    }

    /// An offer of a page that is older than the answer.
    async fn settled(&self, about: &About, back: &str) -> Box<Response> {
        let last = self.bot().said_last(about).await.ok().flatten().and_then(|last| {
            let mut wording = Wording::new(last.zone);
            let told = last.facts.iter().map(|fact| (wording.tell(&fact.event), fact)).last()?;
            Some(format!("Last, {}: {}", told.1.head.actor.label(), told.0?))
        });
        let text = format!("This was answered already, or is not asked any more.\n{}", last.unwrap_or_default());
        said_no(StatusCode::CONFLICT, &text, back)
    }

    /// The same once more, with what is missing: a second tap, a reason, a value.
    async fn once_more(&self, offer: &Offer, back: &str, refused: Option<&Fault>) -> Response {
        let about = self.about(offer).await;
        let asks = offer.first.asks() || refused.is_some();
        let needs = refused.is_some() || matches!(offer.first, First::Reason | First::Value | First::Note);
        let body = html! {
            h1 { (offer.label) }
            @if let Some(fault) = refused {
                div class="notice warn" { @for line in fault.to_string().lines() { p { (line) } } }
            }
            @for line in &about { p { (line) } }
            form method="post" action="/act" {
                (hidden(self.viewer, offer, back))
                input type="hidden" name="confirmed" value="1";
                @if asks {
                    label for="text" { (asked_for(offer.first, refused.is_some())) }
                    textarea id="text" name="text" maxlength=(LONGEST) required[needs] autofocus {}
                }
                p { (button(offer)) " " a href=(back) { "Go back" } }
            }
        };
        // What was refused was not done; what is only asked for is no fault.
        let status = if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        (status, page_for(self.viewer, &offer.label, Place::Elsewhere, &body)).into_response()
    }

    /// What somebody agrees to, as far as it is known.
    async fn about(&self, offer: &Offer) -> Vec<String> {
        let About::Run(run) = &offer.about else { return Vec::new() };
        let Ok(state) = self.bot().state(run).await else { return Vec::new() };
        let id = offer.id();
        let of_it = waiting(&state)
            .into_iter()
            .find(|one| offers::of_question(&state, one).iter().any(|known| known.id() == id));
        let place = format!("{run} on {}", one_line(&state.opened.environment, 60));
        match of_it {
            Some(waiting) => vec![one_line(&waiting.title, 200), waiting.short(500), place],
            None => vec![place],
        }
    }
}

fn hidden(viewer: &Viewer, offer: &Offer, back: &str) -> Markup {
    html! {
        input type="hidden" name="csrf" value=(viewer.csrf);
        input type="hidden" name="offer" value=(offer.id());
        input type="hidden" name="back" value=(back);
    }
}

fn button(offer: &Offer) -> Markup {
    let class = match offer.weight {
        Weight::Main => Some("main"),
        Weight::Plain => None,
        Weight::Grave => Some("grave"),
    };
    html! { button type="submit" class=[class] { (offer.label) } }
}

fn asked_for(first: First, refused: bool) -> &'static str {
    match first {
        First::Value => "Value",
        First::Note => "Note",
        First::Remark if !refused => "Why, if there is something to say",
        _ => "Why",
    }
}

fn run_of(recorded: &Recorded<Fact>) -> Option<&RunId> {
    match &recorded.event {
        Fact::Run(run, _) => Some(run),
        _ => None,
    }
}

fn incident(named: &str) -> Result<IncidentId, Box<Response>> {
    IncidentId::parse(named).map_err(|_| said_no(StatusCode::NOT_FOUND, "There is no such incident.", "/"))
}

fn run(named: &str) -> Result<RunId, Box<Response>> {
    RunId::parse(named).map_err(|_| said_no(StatusCode::NOT_FOUND, "There is no such run.", "/"))
}

fn said_no(status: StatusCode, text: &str, back: &str) -> Box<Response> {
    let body = html! {
        h1 { "That was not done" }
        @for line in text.lines() { p { (line) } }
        p { a href=(back) { "Go back" } }
    };
    Box::new((status, page("That was not done", Place::Elsewhere, &body)).into_response())
}

/// On to a page of ours, which tells what came of it.
fn on(back: &str, said: Option<HeaderValue>) -> Response {
    let location = HeaderValue::from_str(back).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response();
    if let Some(said) = said {
        response.headers_mut().insert(SET_COOKIE, said);
    }
    response
}

/// Whether a text is the address of a page here: it begins with one slash. `//host` and `/\host` lead elsewhere, and nothing invisible is in it.
fn is_local(path: &str) -> bool {
    let mut letters = path.bytes();
    letters.next() == Some(b'/')
        && !matches!(letters.next(), Some(b'/' | b'\\'))
        && path.len() <= BACK
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_never_leaves_the_server() {
        for path in ["/", "/incidents/inc-1", "/incidents/inc-1?kind=note#12", "/a//b"] {
            assert!(is_local(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(BACK));
        let foreign =
            ["", "incidents", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"];
        for path in foreign.into_iter().chain(["/a\r\nSet-Cookie: x=y", "/a b", "/ä", "\t/a", "/a\\b", &long]) {
            assert!(!is_local(path), "{path:?}");
        }
    }
}
