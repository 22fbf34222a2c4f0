//! HTTP and WebSocket events: what client and member say is read message by message, shown to the rules, and passed on as
//! they leave it.
//!
//! In the appliance's order: HTTP_REQUEST and WS_REQUEST before a member is chosen, HTTP_REQUEST_SEND after
//! SERVER_CONNECTED, HTTP_RESPONSE and WS_RESPONSE with the answer; then, frame by frame, WS_CLIENT_FRAME,
//! WS_SERVER_FRAME and their `_DONE`. An upgraded connection whose frames no rule waits for is carried unread.

use std::collections::VecDeque;

use lab_adc::events::{Command, Event, Facts, Script, Side};
use lab_irules::Event as RuleEvent;

use super::host::{About, Answer, Wishes};
use super::script::{ConnectionScript, named};
use crate::translate::WebProfile;
use crate::web::body::{Body, BodyError};
use crate::web::frames::{self, Frames, Piece};
use crate::web::head::{Head, HeadError};

/// What a client may say between its wish for a WebSocket and the answer.
const MOST_WAITING: usize = 64 * 1024;

/// One connection of a virtual server with an http profile.
pub(super) struct Conversation {
    script: ConnectionScript,
    profile: WebProfile,
    /// What the client says.
    client: Direction,
    /// What the member says.
    member: Direction,
    /// The first request, until there is a member to hear it.
    waiting: Option<Head>,
    has_member: bool,
    /// Requests without an answer yet.
    asked: VecDeque<Asked>,
    /// How a rule closes the WebSocket.
    closing: Option<(u16, Vec<u8>)>,
}

#[derive(Default)]
struct Direction {
    part: Part,
    /// Heard and not understood yet.
    heard: Vec<u8>,
}

/// What a direction is in.
#[derive(Default)]
enum Part {
    /// The head of a message.
    #[default]
    Head,
    Body(Body),
    /// Behind a request for a WebSocket, before its answer.
    Upgrading,
    Frames(Frames),
    /// Bytes that nobody looks at.
    Unread,
    /// Nothing that is said is passed on any more.
    Silenced,
}

#[derive(Default)]
struct Asked {
    method: Vec<u8>,
    upgrades: bool,
}

/// What comes of an event.
#[derive(Default)]
struct Outcome {
    commands: Vec<Command>,
    /// Goes on to whom the speaker speaks to.
    forward: Vec<u8>,
}

/// Why a conversation ends.
#[derive(Debug, thiserror::Error)]
enum Nonsense {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("more than {MOST_WAITING} bytes before the answer to an upgrade")]
    Impatient,
    #[error("the stand-in does not model {0}")]
    NotModelled(&'static str),
}

impl Script for Conversation {
    fn handle(&mut self, event: &Event<'_>, facts: &Facts<'_>) -> Vec<Command> {
        let mut outcome = Outcome::default();
        if let Err(nonsense) = self.take(event, facts, &mut outcome) {
            let line = format!(
                "virtual server {}, client {}: {nonsense}",
                facts.virtual_server, facts.client
            );
            outcome
                .commands
                .extend(self.script.fail(line, About::Connection).commands);
        }
        outcome.commands
    }
}

impl Conversation {
    pub(super) fn new(script: ConnectionScript, profile: WebProfile) -> Self {
        Self {
            script,
            profile,
            client: Direction::default(),
            member: Direction::default(),
            waiting: None,
            has_member: false,
            asked: VecDeque::new(),
            closing: None,
        }
    }

    fn take(
        &mut self,
        event: &Event<'_>,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        match event {
            Event::ClientData(bytes) if self.has_member => {
                self.overhear(Side::Client, bytes, facts, outcome)
            }
            Event::ClientData(bytes) => self.receive(bytes, facts, outcome),
            Event::ServerData(bytes) => self.overhear(Side::Server, bytes, facts, outcome),
            Event::ServerConnected => {
                self.plain(event, facts, outcome)?;
                self.introduce(facts, outcome)
            }
            Event::ClientAccepted => {
                self.plain(event, facts, outcome)?;
                outcome.commands.push(Command::Collect(Side::Client, 0));
                Ok(())
            }
            event => self.plain(event, facts, outcome),
        }
    }

    /// An event without a message.
    fn plain(
        &mut self,
        event: &Event<'_>,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        self.fire(named(event), About::Connection, facts, outcome)
            .map(|_| ())
    }

    /// The client speaks, and has no member yet.
    fn receive(
        &mut self,
        bytes: &[u8],
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        self.client.heard.extend_from_slice(bytes);
        self.listen(Side::Client, facts, outcome)?;
        outcome
            .commands
            .push(Command::Release(Side::Client, vec![]));
        if self.waiting.is_none() {
            outcome.commands.push(Command::Collect(Side::Client, 0));
        }
        Ok(())
    }

    /// There is a member now: it hears the request that waits for it.
    fn introduce(&mut self, facts: &Facts<'_>, outcome: &mut Outcome) -> Result<(), Nonsense> {
        self.has_member = true;
        if let Some(head) = self.waiting.take() {
            self.send(head, facts, outcome)?;
        }
        self.listen(Side::Client, facts, outcome)?;
        let request = std::mem::take(&mut outcome.forward);
        outcome.commands.extend([
            Command::Respond(Side::Server, request),
            Command::Collect(Side::Client, 0),
            Command::Collect(Side::Server, 0),
        ]);
        Ok(())
    }

    /// One speaks to the other.
    fn overhear(
        &mut self,
        speaker: Side,
        bytes: &[u8],
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        self.direction(speaker).heard.extend_from_slice(bytes);
        self.listen(speaker, facts, outcome)?;
        let forward = std::mem::take(&mut outcome.forward);
        outcome.commands.push(Command::Release(speaker, forward));
        if !matches!(self.direction(speaker).part, Part::Unread) {
            outcome.commands.push(Command::Collect(speaker, 0));
        }
        Ok(())
    }

    /// Understands what has been heard, as far as it goes.
    fn listen(
        &mut self,
        speaker: Side,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        let mut goes_on = true;
        while goes_on && !self.script.has_failed() {
            let direction = self.direction(speaker);
            goes_on = match &mut direction.part {
                Part::Head => match speaker {
                    Side::Client if self.waiting.is_some() => false,
                    Side::Client => self.request(facts, outcome)?,
                    Side::Server => self.response(facts, outcome)?,
                },
                Part::Body(body) => {
                    let count = body.take(&direction.heard)?;
                    let is_over = body.is_over();
                    outcome.forward.extend(direction.heard.drain(..count));
                    if is_over {
                        direction.part = Part::Head;
                    }
                    is_over
                }
                Part::Upgrading if direction.heard.len() > MOST_WAITING => {
                    return Err(Nonsense::Impatient);
                }
                Part::Upgrading => false,
                Part::Frames(_) => {
                    self.frames(speaker, facts, outcome)?;
                    false
                }
                Part::Unread => {
                    outcome.forward.append(&mut direction.heard);
                    false
                }
                Part::Silenced => {
                    direction.heard.clear();
                    false
                }
            };
        }
        Ok(())
    }

    /// A request; `false` while it is not complete.
    fn request(&mut self, facts: &Facts<'_>, outcome: &mut Outcome) -> Result<bool, Nonsense> {
        let Some((mut head, length)) = Head::request(&self.client.heard)? else {
            return Ok(false);
        };
        self.client.heard.drain(..length);
        let mut answer = self.show(RuleEvent::HTTP_REQUEST, &mut head, facts, outcome)?;
        let upgrades = head.asks_for_websocket();
        if upgrades && self.profile.websocket && answer.is_none() {
            answer = self.show(RuleEvent::WS_REQUEST, &mut head, facts, outcome)?;
        }
        let body = Body::of_request(&head)?;
        if let Some(answer) = answer {
            self.answer(&head, body, answer, outcome);
            return Ok(true);
        }
        if self.profile.forwarded_for {
            let address = facts.client.ip().to_string().into_bytes();
            let field = (b"X-Forwarded-For".to_vec(), address);
            head.message.headers.push(field);
        }
        self.asked.push_back(Asked {
            method: head.message.method.clone(),
            upgrades,
        });
        self.client.part = match upgrades {
            true => Part::Upgrading,
            false => Part::Body(body),
        };
        if self.has_member {
            self.send(head, facts, outcome)?;
        } else {
            self.waiting = Some(head);
        }
        Ok(self.has_member)
    }

    /// The rule answers in the member's place.
    fn answer(&mut self, request: &Head, body: Body, answer: Answer, outcome: &mut Outcome) {
        let mut head = Head::answer(answer.status, answer.headers);
        let length = answer.body.len().to_string().into_bytes();
        head.message
            .headers
            .push((b"Content-Length".to_vec(), length));
        let bytes = [head.written(), answer.body].concat();
        outcome.commands.push(Command::Respond(Side::Client, bytes));
        let is_last = request.message.version == b"1.0"
            || request.lists("Connection", "close")
            || head.lists("Connection", "close");
        if !body.is_over() || (is_last && self.has_member) {
            self.client.part = Part::Silenced;
        } else if is_last {
            outcome.commands.push(Command::Close);
        }
    }

    /// A request leaves for the member.
    fn send(
        &mut self,
        mut head: Head,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        let answer = self.show(RuleEvent::HTTP_REQUEST_SEND, &mut head, facts, outcome)?;
        if answer.is_some() {
            return Err(Nonsense::NotModelled("HTTP::respond in HTTP_REQUEST_SEND"));
        }
        outcome.forward.extend(head.written());
        Ok(())
    }

    /// A response; `false` while it is not complete.
    fn response(&mut self, facts: &Facts<'_>, outcome: &mut Outcome) -> Result<bool, Nonsense> {
        let Some((mut head, length)) = Head::response(&self.member.heard)? else {
            return Ok(false);
        };
        self.member.heard.drain(..length);
        let status = head.message.status;
        if (100..200).contains(&status) && status != 101 {
            outcome.forward.extend(head.written());
            return Ok(true);
        }
        let asked = self.asked.pop_front().unwrap_or_default();
        let is_upgraded = status == 101 && asked.upgrades;
        let mut answer = self.show(RuleEvent::HTTP_RESPONSE, &mut head, facts, outcome)?;
        if is_upgraded && self.profile.websocket && answer.is_none() {
            answer = self.show(RuleEvent::WS_RESPONSE, &mut head, facts, outcome)?;
        }
        if answer.is_some() {
            return Err(Nonsense::NotModelled("HTTP::respond in a response"));
        }
        outcome.forward.extend(head.written());
        self.member.part = Part::Body(Body::of_response(&head, &asked.method)?);
        if is_upgraded {
            self.upgrade();
        }
        if asked.upgrades {
            self.let_client_go_on(is_upgraded, facts, outcome)?;
        }
        Ok(true)
    }

    /// The member has agreed to a WebSocket.
    fn upgrade(&mut self) {
        let watched = [
            RuleEvent::WS_CLIENT_FRAME,
            RuleEvent::WS_CLIENT_FRAME_DONE,
            RuleEvent::WS_SERVER_FRAME,
            RuleEvent::WS_SERVER_FRAME_DONE,
        ];
        let is_watched = watched.into_iter().any(|event| self.script.handles(event));
        let part = || match self.profile.websocket && is_watched {
            true => Part::Frames(Frames::default()),
            false => Part::Unread,
        };
        (self.client.part, self.member.part) = (part(), part());
    }

    /// What the client has said since it asked for a WebSocket can be understood now.
    fn let_client_go_on(
        &mut self,
        is_upgraded: bool,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        if !is_upgraded {
            self.client.part = Part::Head;
        }
        let mut said = Outcome::default();
        self.listen(Side::Client, facts, &mut said)?;
        outcome.commands.append(&mut said.commands);
        outcome.commands.push(match self.client.part {
            Part::Unread => Command::Release(Side::Client, said.forward),
            _ => Command::Respond(Side::Server, said.forward),
        });
        Ok(())
    }

    /// Frames of a speaker, each shown to the rules when it begins and when it ends.
    fn frames(
        &mut self,
        speaker: Side,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        let (begins, done) = match speaker {
            Side::Client => (RuleEvent::WS_CLIENT_FRAME, RuleEvent::WS_CLIENT_FRAME_DONE),
            Side::Server => (RuleEvent::WS_SERVER_FRAME, RuleEvent::WS_SERVER_FRAME_DONE),
        };
        let heard = std::mem::take(&mut self.direction(speaker).heard);
        let mut input = heard.as_slice();
        let mut current = About::Connection;
        while let Part::Frames(frames) = &mut self.direction(speaker).part
            && let Some(piece) = frames.next(&mut input)
            && !self.script.has_failed()
        {
            match piece {
                Piece::Head(frame, bytes) => {
                    let (about, wishes) = self.fire(begins, About::Frame(frame), facts, outcome)?;
                    current = about;
                    outcome.forward.extend(bytes);
                    self.heed(speaker, wishes, facts, outcome)?;
                }
                Piece::Payload(bytes) => outcome.forward.extend_from_slice(bytes),
                Piece::Done => {
                    let about = std::mem::take(&mut current);
                    let (_, wishes) = self.fire(done, about, facts, outcome)?;
                    self.heed(speaker, wishes, facts, outcome)?;
                    if let Some(close) = self.last_words(speaker, facts) {
                        outcome.forward.extend(close);
                    }
                }
            }
        }
        Ok(())
    }

    /// `WS::disconnect`: both ends get a close frame once the frame under way, if there is one, is done.
    fn heed(
        &mut self,
        speaker: Side,
        wishes: Wishes,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Nonsense> {
        if wishes.answer.is_some() {
            return Err(Nonsense::NotModelled("HTTP::respond in a WebSocket"));
        }
        let Some(wish) = wishes.disconnect.filter(|_| self.closing.is_none()) else {
            return Ok(());
        };
        self.closing = Some(wish);
        let other = speaker.other();
        let is_between =
            matches!(&self.direction(other).part, Part::Frames(frames) if frames.is_between());
        if is_between && let Some(close) = self.last_words(other, facts) {
            // What one side says goes to the other.
            outcome.commands.push(Command::Respond(speaker, close));
        }
        Ok(())
    }

    /// The close frame after which a speaker is not heard any more, when a rule has asked for it.
    fn last_words(&mut self, speaker: Side, facts: &Facts<'_>) -> Option<Vec<u8>> {
        let (code, reason) = self.closing.clone()?;
        self.direction(speaker).part = Part::Silenced;
        // A member hears masked frames only. Whose key it is matters to nobody; this one repeats with the run.
        let key = (facts.id as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
        let mask = (speaker == Side::Client).then_some(key);
        Some(frames::close(code, &reason, mask))
    }

    /// Shows a message to the rules, which may change it; what they answer in its place, if they do.
    fn show(
        &mut self,
        event: RuleEvent,
        head: &mut Head,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<Option<Answer>, Nonsense> {
        let about = About::Message(std::mem::take(&mut head.message));
        let (about, wishes) = self.fire(event, about, facts, outcome)?;
        if let About::Message(message) = about {
            head.message = message;
        }
        match wishes.disconnect {
            None => Ok(wishes.answer),
            Some(_) => Err(Nonsense::NotModelled("WS::disconnect before frames")),
        }
    }

    fn fire(
        &mut self,
        event: RuleEvent,
        about: About,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
    ) -> Result<(About, Wishes), Nonsense> {
        let said = self.script.fire(event, about, facts);
        let collects =
            |command: &Command| matches!(command, Command::Collect(..) | Command::Release(..));
        if said.commands.iter().any(collects) {
            return Err(Nonsense::NotModelled("TCP::collect under an http profile"));
        }
        outcome.commands.extend(said.commands);
        Ok((said.about, said.wishes))
    }

    fn direction(&mut self, speaker: Side) -> &mut Direction {
        match speaker {
            Side::Client => &mut self.client,
            Side::Server => &mut self.member,
        }
    }
}
