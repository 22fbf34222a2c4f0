//! The devices of one event loop.

mod alarms;
mod arrivals;
mod links;
mod naming;
mod news;
mod orders;
mod words;

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use gateway_client::{Action, Attempt, Resolved, ServerList, Session, Settings};
use gateway_engine::{App, Closed, ConnId, DialRequest, Failure, Message, Net};
use lab_ports::Sources;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::device::{Device, Tag};
use super::outlook::{News, Outlook};
use super::pace::{Due, Pace, Share, Walk};
use super::resolver::Asker;
use crate::provider::{DeviceAddress, FleetSetup};
use crate::stage::Subjects;
use alarms::Alarms;
use words::Words;

/// Things done per turn at most, so that a burst of orders does not keep the loop from reading.
const PER_TURN: usize = 128;

/// What a loop is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Work to be done at its time.
    Work(Work, Pace),
    /// From now on devices ask for names here.
    Names(Asker),
    /// The answer to a device that asked for a name.
    Resolved {
        device: u32,
        attempt: Attempt,
        answer: io::Result<Resolved>,
    },
    /// The servers have other weights from now on.
    Servers(Arc<ServerList>),
    /// Tell the addresses of the connected devices.
    Addresses(Sender<Vec<DeviceAddress>>),
    /// Reset all connections and end. A reset leaves no TIME_WAIT behind, and no entry in the kernel's connection tracking: fleets that follow one another
    /// by the thousand would fill both.
    Vanish,
}

/// What devices can be told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Connect,
    Subscribe(Subjects),
    /// With so many bytes of data each.
    Publish {
        bytes: u32,
    },
    Disconnect,
    /// Or not.
    Read(bool),
}

/// What all devices of a fleet have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) setup: FleetSetup,
    pub(super) settings: Arc<Settings>,
    /// One per target.
    pub(super) requests: Vec<Arc<DialRequest>>,
    /// For devices whose own source turns out to be in use.
    pub(super) spare: Mutex<Sources>,
}

/// The devices of one event loop, as the engine's app.
#[derive(Debug)]
pub(super) struct Devices {
    common: Arc<Common>,
    share: Share,
    servers: Arc<ServerList>,
    asker: Option<Asker>,
    rng: SmallRng,
    devices: Vec<Device>,
    jobs: Vec<(Work, Walk)>,
    alarms: Alarms,
    /// When each publish that is not answered was due, by device and ticket.
    published: HashMap<(u32, u64), Instant>,
    words: Words,
    news: News,
    outlook: Arc<Outlook>,
}

impl Devices {
    pub(super) fn new(
        common: Arc<Common>,
        share: Share,
        servers: Arc<ServerList>,
        devices: Vec<Device>,
        outlook: Arc<Outlook>,
    ) -> Self {
        let seed = common.setup.seed ^ u64::from(share.number) << 32;
        Self {
            common,
            share,
            servers,
            asker: None,
            // The addresses that devices choose.
            rng: SmallRng::seed_from_u64(!seed),
            devices,
            jobs: Vec::new(),
            alarms: Alarms::default(),
            published: HashMap::new(),
            words: Words::default(),
            news: News::default(),
            outlook,
        }
    }

    /// Does what is due; answers when the next thing is.
    fn work(&mut self, net: &mut Net<Tag>, now: Instant) -> Option<Instant> {
        let mut jobs = std::mem::take(&mut self.jobs);
        let mut left = PER_TURN;
        for (work, walk) in &mut jobs {
            while left > 0
                && let Some(due) = walk.take(now)
            {
                left -= 1;
                self.act(net, *work, due);
            }
        }
        jobs.retain(|(_, walk)| walk.peek().is_some());
        self.jobs = jobs;
        self.jobs
            .iter()
            .filter_map(|(_, walk)| walk.peek())
            .map(|due| due.at)
            .min()
    }

    fn act(&mut self, net: &mut Net<Tag>, work: Work, due: Due) {
        self.news.was_late(due.at.elapsed());
        match work {
            Work::Connect => self.connect(due.device),
            Work::Subscribe(subjects) => self.subscribe(due.device, subjects),
            Work::Publish { bytes } => self.publish(due, bytes),
            Work::Disconnect => self.disconnect(due.device),
            Work::Read(reading) => self.set_reading(net, due.device, reading),
        }
        self.settle(net, due.device);
    }

    fn ring_alarms(&mut self, net: &mut Net<Tag>, now: Instant) {
        while let Some(number) = self.alarms.due(now) {
            if let Some(device) = self.device(number) {
                device.alarm = None;
                let prospects = device.names.as_ref().and_then(|names| names.prospects(now));
                if let (Some(session), Some((attempt, another))) = (&mut device.session, prospects)
                {
                    session.handle_addresses(attempt, another);
                }
                if let Some(session) = &mut device.session {
                    session.handle_timeout(now);
                }
            }
            self.settle(net, number);
        }
    }

    /// After anything happened to a session: does what it wants, tells what it has to tell, sets its alarm.
    fn settle(&mut self, net: &mut Net<Tag>, number: u32) {
        loop {
            // News first: a device that is not to come back leaves before its session dials again.
            if let Some(event) = self.session(number).and_then(Session::poll_event) {
                self.tell(number, event);
            } else if let Some(action) = self.session(number).and_then(Session::poll_action) {
                self.obey(net, number, action);
            } else {
                break;
            }
        }
        self.set_alarm(number);
    }

    fn obey(&mut self, net: &mut Net<Tag>, device: u32, action: Action) {
        match action {
            Action::Connect { server, attempt } => self.set_out(
                net,
                Tag {
                    device,
                    server,
                    attempt,
                },
            ),
            Action::Send(text) => self.send(net, device, &text),
            Action::Disconnect { code } => self.hang_up(net, device, code),
            // The event loop pings on its own account.
            Action::Ping => {}
        }
    }

    fn set_alarm(&mut self, number: u32) {
        let Some(device) = self.devices.get_mut(self.share.index(number)) else {
            return;
        };
        let wanted = device
            .session
            .as_ref()
            .and_then(|session| session.poll_timeout());
        // An alarm that rings too early is set again then; one too late would be a fault.
        if let Some(at) = wanted
            && device.alarm.is_none_or(|set| at < set)
        {
            device.alarm = Some(at);
            self.alarms.set(at, number);
        }
    }

    fn device(&mut self, number: u32) -> Option<&mut Device> {
        self.devices.get_mut(self.share.index(number))
    }

    fn session(&mut self, number: u32) -> Option<&mut Session> {
        self.device(number)?.session.as_deref_mut()
    }

    fn addresses(&self, net: &Net<Tag>) -> Vec<DeviceAddress> {
        let open = |(index, device): (usize, &Device)| {
            let conn = device.conn.filter(|conn| net.is_open(*conn))?;
            Some(DeviceAddress {
                device: self.share.device(index),
                client: device.source,
                socket: net.addresses(conn)?.client,
            })
        };
        self.devices.iter().enumerate().filter_map(open).collect()
    }
}

impl App for Devices {
    type Command = Command;
    type Session = Tag;

    fn on_command(&mut self, net: &mut Net<Tag>, command: Command) {
        match command {
            Command::Work(work, pace) => self.jobs.push((work, Walk::new(pace, self.share))),
            Command::Names(asker) => self.asker = Some(asker),
            Command::Resolved {
                device,
                attempt,
                answer,
            } => self.resolved(net, device, attempt, answer),
            Command::Servers(servers) => self.replace_servers(net, servers),
            // Whoever asked may have lost patience.
            Command::Addresses(reply) => drop(reply.send(self.addresses(net))),
            Command::Vanish => {
                let all: Vec<ConnId> = net.connections().collect();
                all.into_iter().for_each(|conn| net.abort(conn));
                net.stop();
            }
        }
    }

    fn on_open(&mut self, net: &mut Net<Tag>, conn: ConnId) {
        let tag = net.session(conn).copied().unwrap_or_default();
        self.opened(tag);
        self.settle(net, tag.device);
    }

    fn on_message(&mut self, net: &mut Net<Tag>, conn: ConnId, message: Message<'_>) {
        let tag = net.session(conn).copied().unwrap_or_default();
        self.arrived(tag, message);
        self.settle(net, tag.device);
    }

    fn on_close(&mut self, net: &mut Net<Tag>, conn: ConnId, closed: &Closed) {
        let tag = net.session(conn).copied().unwrap_or_default();
        self.closed(tag, closed);
        self.settle(net, tag.device);
    }

    fn on_failed(&mut self, net: &mut Net<Tag>, conn: ConnId, failure: &Failure) {
        let tag = net.session(conn).copied().unwrap_or_default();
        self.failed(net, tag, conn, failure);
        self.settle(net, tag.device);
    }

    fn on_turn(&mut self, net: &mut Net<Tag>, now: Instant) -> Option<Instant> {
        self.ring_alarms(net, now);
        let next = self.work(net, now);
        self.news.show(&self.outlook);
        next.into_iter().chain(self.alarms.next()).min()
    }
}
