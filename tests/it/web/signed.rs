//! A server with pages, and browsers that are signed in.

#![allow(dead_code, reason = "what one test needs of a browser another does not")]

use reqwest::header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};

use crate::discord::served::Served;
use crate::rundown::Desk;

/// The line of settings that makes pages come at any port.
pub const ANYWHERE: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";

/// A running server with pages.
pub struct Pages {
    pub desk: Desk,
    pub bot: Served,
    pub url: String,
    pub http: Client,
}

/// One browser.
#[derive(Clone)]
pub struct Browser {
    pub url: String,
    pub http: Client,
    /// `name=value` of its session; empty where nobody is signed in.
    pub cookie: String,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("a text") }
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("readable"))
    }

    /// Where it leads on to.
    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// `name=value` of every cookie that is set.
    pub fn cookies(&self) -> Vec<String> {
        let all = self.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().expect("readable"));
        all.map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned()).collect()
    }

    /// Expects this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl Pages {
    /// Starts a server for a desk. Its settings are written here.
    pub async fn of(desk: Desk) -> Self {
        Self::with(desk, "").await
    }

    /// The same with more settings.
    pub async fn with(desk: Desk, more: &str) -> Self {
        std::fs::write(desk.path().join("rundown.toml"), format!("{ANYWHERE}{more}")).expect("settings");
        let bot = Served::alone(&desk);
        let url = address(&bot).await;
        Self { desk, bot, url, http: client() }
    }

    /// Kills the process and starts another one: at another port, as it comes.
    pub async fn restarted(self) -> Self {
        self.bot.kill();
        let bot = Served::alone(&self.desk);
        let url = address(&bot).await;
        Self { bot, url, ..self }
    }

    /// What stands in a link for somebody at the terminal.
    pub fn token(&self, login: &str) -> String {
        token(&self.desk, login)
    }

    /// A browser of nobody.
    pub fn browser(&self) -> Browser {
        Browser { url: self.url.clone(), http: self.http.clone(), cookie: String::new() }
    }

    /// A browser in which somebody of the terminal is signed in.
    pub async fn signed_in(&self, login: &str) -> Browser {
        self.browser().sign_in(&self.token(login)).await
    }
}

/// The address at which a server shows its pages.
pub async fn address(bot: &Served) -> String {
    let line = bot.says("pages are at ").await;
    line.split_once("pages are at ").expect("an address").1.trim().to_owned()
}

/// What stands in a link that somebody asks for at the terminal of a desk.
pub fn token(desk: &Desk, login: &str) -> String {
    let output =
        desk.command(&["login-link"]).env("USER", login).env("LOGNAME", login).output().expect("the binary runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let link = said.lines().next().expect("a link");
    link.rsplit_once("/login/").expect("a link").1.to_owned()
}

/// Follows nothing and keeps nothing by itself: what a server says is seen as it is.
pub fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().expect("a client")
}

impl Browser {
    /// Uses a link.
    pub async fn sign_in(&self, token: &str) -> Self {
        let answer = Answer::of(self.sent(&format!("/login/{token}"), &[])).await.is(303);
        let cookie = answer.cookies().into_iter().find(|cookie| cookie.starts_with("rundown=")).expect("a cookie");
        Self { cookie, ..self.clone() }
    }

    /// A page.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.asked(path)).await
    }

    pub fn asked(&self, path: &str) -> RequestBuilder {
        let request = self.http.get(format!("{}{path}", self.url)).header("accept", "text/html");
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    /// What every form of this session carries.
    pub async fn csrf(&self) -> String {
        let page = self.get("/login").await.is(200).text;
        let (_, behind) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        behind.split('"').next().expect("a value").to_owned()
    }

    /// Sends a form as a page of the server does.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        Answer::of(self.sent(path, &fields)).await
    }

    /// A form with these fields and no other, from a page of the server.
    pub fn sent(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.bare(path).header(ORIGIN, &self.url).form(fields)
    }

    /// A request that posts, and does not say where it comes from.
    pub fn bare(&self, path: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.url));
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }
}
