//! What is sent to a thread: messages, questions, the card.
//!
//! Lives here: each request to Discord that writes, and that none of them is carried out twice where that can be known: a message
//! carries a nonce, by which Discord knows it again. Never lives here: when anything is sent, what trouble leads to (`thread`).

use serenity::all::{
    ChannelId, CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateMessage, EditMessage, EditThread,
    Message, MessageId, Nonce,
};

use super::trouble::Trouble;
use super::{BURIED, Room};
use crate::bot::offers::{hash, of_runbooks};
use crate::chat::discord::card::{Card, Row, components};
use crate::chat::discord::text::markdown;
use crate::chat::discord::told::{self, Asked};
use crate::domain::incident;
use crate::domain::run::state::State;

impl Room<'_> {
    /// Takes a thread that was put away out again. One that was locked as well needs the permission to manage threads.
    pub(super) async fn take_out(&self) -> serenity::Result<()> {
        let Some(thread) = self.thread else { return Ok(()) };
        thread.edit_thread(&self.house.http, EditThread::new().archived(false)).await.map(drop)
    }

    pub(super) async fn say_notes(
        &mut self,
        thread: ChannelId,
        state: &incident::State,
    ) -> Result<Option<Trouble>, Trouble> {
        while let Some((pos, note)) = self.notes.front().cloned() {
            let (text, files) = note.message(self.house.bot, &self.incident, state).await?;
            let nonce = hash(&format!("{pos} {note:?}"));
            let with_files = !files.is_empty();
            let said = match self.post(thread, &text, files, Vec::new(), nonce.clone()).await {
                // The words count more than the picture.
                Err(Trouble::Refused(_) | Trouble::Malformed(_)) if with_files => {
                    self.post(thread, &text, Vec::new(), Vec::new(), nonce).await
                }
                said => said,
            };
            match said {
                Ok(_) => {}
                // The same again would never get through, and everything behind it would wait for ever.
                Err(Trouble::Malformed(said)) => {
                    let incident = &self.incident;
                    tracing::error!(%incident, pos, said, "a message is left out: Discord does not take it");
                }
                Err(trouble) => return Err(trouble),
            }
            self.notes.pop_front();
            self.told = self.told.max(pos);
        }
        Ok(None)
    }

    /// Announces what a person must answer, with its buttons; follows what was approved to its end, and takes the buttons from
    /// what is settled.
    pub(super) async fn ask(&mut self, thread: ChannelId, runs: &[State]) -> Result<Option<Trouble>, Trouble> {
        let wanted = told::asked(runs);
        for asking in &wanted {
            let rows = vec![components(&asking.row)];
            match self.asked.get(&asking.key).cloned() {
                None => {
                    let nonce = hash(&format!("asked {:?}", asking.key));
                    let file = asking.file.as_ref().map(|(name, text)| CreateAttachment::bytes(text.as_bytes(), name));
                    let message = self.post(thread, &asking.text, file.into_iter().collect(), rows, nonce).await?;
                    self.asked.insert(asking.key.clone(), (message, asking.text.clone()));
                }
                // Somebody agreed, and others are still to.
                Some((message, shown)) if shown != asking.text && asking.file.is_none() => {
                    let edit = EditMessage::new().content(&asking.text).components(rows);
                    self.change_asked(thread, message, edit).await?;
                    self.asked.insert(asking.key.clone(), (message, asking.text.clone()));
                }
                Some(_) => {}
            }
        }
        let settled: Vec<_> =
            self.asked.keys().filter(|key| !wanted.iter().any(|wanted| wanted.key == **key)).cloned().collect();
        for key in settled {
            self.settle(thread, runs, key).await?;
        }
        Ok(None)
    }

    /// A question is settled: its message says what became of it, until there is nothing more to come.
    async fn settle(&mut self, thread: ChannelId, runs: &[State], key: Asked) -> Result<(), Trouble> {
        let Some((message, shown)) = self.asked.get(&key).cloned() else { return Ok(()) };
        let settled = told::settled(runs, &key);
        let row = settled.as_ref().and_then(|settled| settled.row.as_ref());
        let edit = EditMessage::new().components(row.map(components).into_iter().collect());
        match &settled {
            Some(settled) if row.is_some() && settled.text == shown => return Ok(()),
            Some(settled) => self.change_asked(thread, message, edit.content(&settled.text)).await?,
            None => self.change_asked(thread, message, edit).await?,
        }
        match settled {
            Some(settled) if settled.row.is_some() => drop(self.asked.insert(key, (message, settled.text))),
            _ => drop(self.asked.remove(&key)),
        }
        Ok(())
    }

    /// Edits a message that asks or asked; one that is gone needs no edit.
    async fn change_asked(&mut self, thread: ChannelId, message: MessageId, edit: EditMessage) -> Result<(), Trouble> {
        let edit = edit.allowed_mentions(CreateAllowedMentions::new());
        match thread.edit_message(&self.house.http, message, edit).await.map_err(Trouble::from) {
            Ok(_) | Err(Trouble::NoMessage) => {
                self.sent += 1;
                Ok(())
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Offers the runbooks that the incident calls for by its title and its alerts, once, while nothing runs.
    pub(super) async fn propose(
        &mut self,
        thread: ChannelId,
        state: &incident::State,
    ) -> Result<Option<Trouble>, Trouble> {
        if self.proposed || !state.runs.is_empty() || !state.status.is_open() {
            return Ok(None);
        }
        let fitting = self.house.bot.proposed(&self.incident, state).await?;
        if !fitting.is_empty() {
            let row = Row::Buttons(of_runbooks(&self.incident, &fitting));
            let by_operator = fitting.iter().any(|proposed| proposed.by_operator);
            let environment = self.house.bot.library().environment(None).map(|known| known.environment);
            let text = match environment {
                Ok(environment) if by_operator => {
                    format!("There is a runbook for this. One tap begins it on **{}**:", markdown(&environment, 40))
                }
                _ => "There is a runbook for this:".to_owned(),
            };
            self.post(thread, &text, Vec::new(), vec![components(&row)], hash("proposed")).await?;
        }
        self.proposed = true;
        Ok(None)
    }

    /// Posts a message. The same `nonce` again, within minutes, is the same message.
    async fn post(
        &mut self,
        thread: ChannelId,
        text: &str,
        files: Vec<CreateAttachment>,
        rows: Vec<CreateActionRow>,
        nonce: String,
    ) -> Result<MessageId, Trouble> {
        let message = CreateMessage::new()
            .content(text)
            .allowed_mentions(CreateAllowedMentions::new())
            .nonce(Nonce::String(nonce))
            .enforce_nonce(true)
            .components(rows)
            .add_files(files);
        let sent = thread.send_message(&self.house.http, message).await?;
        self.below.insert(sent.id);
        self.sent += 1;
        Ok(sent.id)
    }

    /// Edits the card, or posts it anew where it is buried or lost.
    pub(super) async fn put(&mut self, thread: ChannelId, card: Card) -> Result<(), Trouble> {
        let buried = self.below.len() > BURIED;
        match &self.card {
            Some((_, shown)) if *shown == card && !buried => Ok(()),
            Some((message, _)) if !buried => {
                let message = *message;
                match self.edit_card(thread, message, card.clone()).await {
                    Err(Trouble::NoMessage) => self.post_card(thread, card).await,
                    done => done,
                }
            }
            _ => self.post_card(thread, card).await,
        }
    }

    async fn edit_card(&mut self, thread: ChannelId, message: MessageId, card: Card) -> Result<(), Trouble> {
        let edit = EditMessage::new()
            .embed(card.embed())
            .components(card.components())
            .allowed_mentions(CreateAllowedMentions::new());
        thread.edit_message(&self.house.http, message, edit).await?;
        self.card = Some((message, card));
        self.sent += 1;
        self.edited = Some(self.house.bot.clock().now());
        Ok(())
    }

    async fn post_card(&mut self, thread: ChannelId, card: Card) -> Result<(), Trouble> {
        let now = self.house.bot.clock().now();
        let nonce = self.posting.get_or_insert_with(|| hash(&format!("card {now}"))).clone();
        let message = CreateMessage::new()
            .embed(card.embed())
            .components(card.components())
            .nonce(Nonce::String(nonce))
            .enforce_nonce(true)
            .allowed_mentions(CreateAllowedMentions::new());
        let sent = thread.send_message(&self.house.http, message).await?;
        self.posting = None;
        self.sent += 1;
        // An earlier try may have got through in spite of what we heard; then an older card stands there.
        let stale = !shows(&sent, &card);
        let old = self.card.replace((sent.id, if stale { Card::unknown() } else { card.clone() }));
        self.edited = Some(now);
        self.below.clear();
        if let Some((old, _)) = old {
            // Two cards would be one too many; where the old one cannot be removed it only grows old.
            drop(thread.delete_message(&self.house.http, old).await);
        }
        if stale { self.edit_card(thread, sent.id, card).await } else { Ok(()) }
    }
}

/// Whether a message shows this card.
fn shows(message: &Message, card: &Card) -> bool {
    let footer = message.embeds.first().and_then(|embed| embed.footer.as_ref());
    footer.is_some_and(|footer| footer.text == card.footer)
}
