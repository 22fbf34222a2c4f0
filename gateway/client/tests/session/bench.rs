//! A session on a bench: the test is its transport, its application and its clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_client::{
    Action, Attempt, Cause, Event, Lost, Received, ServerId, ServerList, Session, Settings,
    SubscribeOptions,
};

pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) now: Instant,
}

/// What the session has told, with its messages as text: `seq:data`, and `gap` where one was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Message(String),
    Gap {
        after: Option<i64>,
        expected: Option<i64>,
    },
}

impl Bench {
    pub(crate) fn new(servers: &[&str], settings: Settings) -> Self {
        Self::seeded(servers, settings, 7)
    }

    pub(crate) fn seeded(servers: &[&str], settings: Settings, seed: u64) -> Self {
        let servers = Arc::new(ServerList::parse(servers).unwrap());
        let mut bench = Self {
            session: Session::new(servers, Arc::new(settings), seed),
            now: Instant::now(),
        };
        bench.session.open(bench.now);
        bench
    }

    /// A bench whose session is subscribed and connected; the subscribe has been sent.
    pub(crate) fn subscribed(subject: &str, options: SubscribeOptions) -> (Self, Attempt) {
        let mut bench = Self::new(&["ws://a", "ws://b"], Settings::default());
        bench
            .session
            .subscribe(subject, options, bench.now)
            .unwrap();
        let attempt = bench.connect();
        (bench, attempt)
    }

    /// The one thing that the session wants done.
    pub(crate) fn action(&mut self) -> Action {
        let action = self
            .session
            .poll_action()
            .expect("the session wants something");
        assert_eq!(self.session.poll_action(), None, "after {action:?}");
        action
    }

    pub(crate) fn idle(&mut self) {
        assert_eq!(self.session.poll_action(), None);
    }

    pub(crate) fn connecting(&mut self) -> (ServerId, Attempt) {
        match self.action() {
            Action::Connect { server, attempt } => (server, attempt),
            other => panic!("{other:?} instead of an attempt"),
        }
    }

    /// Lets the pending attempt succeed.
    pub(crate) fn connect(&mut self) -> Attempt {
        let (_, attempt) = self.connecting();
        self.session.handle_connected(attempt, self.now);
        attempt
    }

    /// The text frames that the session wants sent.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_action())
            .map(|action| match action {
                Action::Send(text) => text,
                other => panic!("{other:?} instead of a frame"),
            })
            .collect()
    }

    pub(crate) fn hear(&mut self, attempt: Attempt, text: &str) -> Vec<Told> {
        let Some(Received { message, gap }) = self.session.handle_text(attempt, text, self.now)
        else {
            return Vec::new();
        };
        let gap = gap.map(|gap| Told::Gap {
            after: gap.after,
            expected: gap.expected,
        });
        let data = message
            .data
            .as_record()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        gap.into_iter()
            .chain([Told::Message(format!("{}:{data}", message.seq))])
            .collect()
    }

    /// A record on `/t/k`, in epoch `e`.
    pub(crate) fn hear_record(
        &mut self,
        attempt: Attempt,
        epoch: &str,
        seq: i64,
        prev: Option<i64>,
    ) -> Vec<Told> {
        self.hear(attempt, &record(epoch, seq, prev, "update"))
    }

    pub(crate) fn lose(&mut self, attempt: Attempt, lost: Lost) {
        self.session.handle_lost(attempt, lost, self.now);
    }

    /// Breaks the connection; answers of which server the session says that it was.
    pub(crate) fn lost_server(&mut self, attempt: Attempt) -> ServerId {
        self.events();
        self.lose(attempt, Lost::new(Cause::Broken));
        let lost = self.events().into_iter().find_map(|event| match event {
            Event::Lost { server, .. } => Some(server),
            _ => None,
        });
        lost.expect("the session tells of its loss")
    }

    /// The next attempt, after the session itself gave up the one before.
    pub(crate) fn action_after_disconnect(&mut self) -> (ServerId, Attempt) {
        match self.session.poll_action() {
            Some(Action::Disconnect { .. }) => self.connecting(),
            other => panic!("{other:?} instead of a disconnect"),
        }
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
    }

    /// Goes to the session's next deadline; answers how long that took.
    pub(crate) fn pass_to_deadline(&mut self) -> Duration {
        let deadline = self
            .session
            .poll_timeout()
            .expect("the session waits for something");
        let time = deadline.saturating_duration_since(self.now);
        self.pass(time);
        time
    }
}

pub(crate) fn record(epoch: &str, seq: i64, prev: Option<i64>, kind: &str) -> String {
    let prev = prev.map_or("null".to_owned(), |prev| prev.to_string());
    format!(
        r#"{{"op":"message","subject":"/t/k","epoch":"{epoch}","seq":{seq},"prev":{prev},"kind":"{kind}","data":"d"}}"#
    )
}

/// A record under `/t/*`.
pub(crate) fn wildcard_record(partition: i32, epoch: &str, seq: i64, prev: Option<i64>) -> String {
    let prev = prev.map_or("null".to_owned(), |prev| prev.to_string());
    format!(
        r#"{{"op":"message","subject":"/t/*","key":"k","partition":{partition},"epoch":"{epoch}","seq":{seq},"prev":{prev},"kind":"update","data":"d"}}"#
    )
}

pub(crate) fn message(seq: i64) -> Told {
    Told::Message(format!("{seq}:d"))
}
