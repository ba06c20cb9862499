//! What keeps Discord from doing what it should, and what follows from that.
//!
//! Lives here: telling kinds of trouble apart. Never lives here: what is done about it (`thread`, `door`).

use serenity::http::{HttpError, StatusCode};

use crate::bot::Fault;

/// Discord's error codes (its documentation, "Opcodes and Status Codes").
const UNKNOWN_CHANNEL: isize = 10_003;
const UNKNOWN_MESSAGE: isize = 10_008;
const ALREADY_ANSWERED: isize = 40_060;
const ARCHIVED: isize = 50_083;

/// What kept Discord from doing what it should.
#[derive(Debug)]
pub enum Trouble {
    /// The message is not there any more.
    NoMessage,
    /// The channel or thread is not there any more.
    NoChannel,
    /// The thread was put away.
    Archived,
    /// It will not get better by asking again soon: permissions, for instance.
    Refused(String),
    /// What was sent is not what Discord takes: the same again never gets through.
    Malformed(String),
    /// Anything else.
    Passing(String),
    /// Not Discord's fault.
    Ours(Fault),
}

impl Trouble {
    /// A name of the kind: trouble of one kind is told once.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoMessage => "no message",
            Self::NoChannel => "no channel",
            Self::Archived => "archived",
            Self::Refused(_) => "refused",
            Self::Malformed(_) => "malformed",
            Self::Passing(_) => "passing",
            Self::Ours(_) => "ours",
        }
    }
}

impl From<serenity::Error> for Trouble {
    fn from(error: serenity::Error) -> Self {
        let serenity::Error::Http(HttpError::UnsuccessfulRequest(response)) = &error else {
            return Self::Passing(error.to_string());
        };
        let said = format!("{} ({})", response.error.message, response.error.code);
        let passing = |status: StatusCode| {
            status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        };
        match response.error.code {
            UNKNOWN_CHANNEL => Self::NoChannel,
            UNKNOWN_MESSAGE => Self::NoMessage,
            ARCHIVED => Self::Archived,
            _ if passing(response.status_code) => Self::Passing(format!("{} {said}", response.status_code)),
            _ if matches!(response.status_code, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE) => {
                Self::Malformed(said)
            }
            _ => Self::Refused(said),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Ours(fault)
    }
}

/// Whether the first answer to an interaction had got through before.
#[must_use]
pub fn answered_before(error: &serenity::Error) -> bool {
    let serenity::Error::Http(HttpError::UnsuccessfulRequest(response)) = error else { return false };
    response.error.code == ALREADY_ANSWERED
}

/// Whether the same request may get through when it is sent again.
#[must_use]
pub fn may_pass(error: &serenity::Error) -> bool {
    let serenity::Error::Http(error) = error else { return false };
    match error {
        HttpError::Request(_) => true,
        HttpError::UnsuccessfulRequest(response) => {
            response.status_code == StatusCode::TOO_MANY_REQUESTS || response.status_code.is_server_error()
        }
        _ => false,
    }
}
