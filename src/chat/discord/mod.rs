//! Discord: slash commands, threads with a card, buttons, modals, menus on messages.
pub mod answer;
pub mod card;
pub mod offers;
pub mod verbs;
