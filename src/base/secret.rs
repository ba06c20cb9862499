//! Secrets: values that are typed, never printed, and scrubbed from whatever comes back from outside.
//!
//! Lives here: [`Secrets`] (name → value and the hosts it may go to), references in rendered text, the scrubber.
//! Never lives here: where values come from (configuration), and what sends them (clients).
