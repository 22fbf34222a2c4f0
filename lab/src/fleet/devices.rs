//! The devices of one event loop.

mod deliveries;
mod links;
mod requests;

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway_engine::{App, Closed, ConnId, DialRequest, Failure, Message, Net};
use gateway_protocol::message::ServerMessage;
use lab_ports::Sources;

use super::device::{Device, Link};
use super::outlook::{News, Outlook};
use super::pace::{Due, Pace, Share, Walk};
use crate::provider::{DeviceAddress, FleetSetup};
use crate::stage::Subjects;
use deliveries::Words;
use requests::Awaited;

/// Things done per turn at most, so that a burst of orders does not keep the loop from reading.
const PER_TURN: usize = 128;

/// What a loop is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Work to be done at its time.
    Work(Work, Pace),
    /// Tell the addresses of the connected devices.
    Addresses(Sender<Vec<DeviceAddress>>),
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
}

/// The devices of one event loop, as the engine's app.
#[derive(Debug)]
pub(super) struct Devices {
    setup: Arc<FleetSetup>,
    share: Share,
    devices: Vec<Device>,
    /// One per target.
    requests: Vec<Arc<DialRequest>>,
    /// For devices whose own source turns out to be in use.
    spare: Arc<Mutex<Sources>>,
    jobs: Vec<(Work, Walk)>,
    awaited: HashMap<(u32, u64), Awaited>,
    words: Words,
    news: News,
    outlook: Arc<Outlook>,
}

impl Devices {
    pub(super) fn new(
        setup: Arc<FleetSetup>,
        share: Share,
        devices: Vec<Device>,
        spare: Arc<Mutex<Sources>>,
        outlook: Arc<Outlook>,
    ) -> Self {
        Self {
            requests: links::requests(&setup.targets),
            setup,
            share,
            devices,
            spare,
            jobs: Vec::new(),
            awaited: HashMap::new(),
            words: Words::default(),
            news: News::default(),
            outlook,
        }
    }

    /// Does what is due; answers when the next thing is.
    fn work(&mut self, net: &mut Net<u32>, now: Instant) -> Option<Instant> {
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

    fn act(&mut self, net: &mut Net<u32>, work: Work, due: Due) {
        self.note_lag(due.at.elapsed());
        match work {
            Work::Connect => self.connect(net, due.device),
            Work::Subscribe(subjects) => self.subscribe(net, due.device, subjects),
            Work::Publish { bytes } => self.publish(net, due, bytes),
            Work::Disconnect => self.disconnect(net, due.device),
        }
    }

    fn note_lag(&mut self, lag: Duration) {
        if lag > self.news.counts.worst_lag {
            self.news.count().worst_lag = lag;
        }
    }

    fn device(&mut self, number: u32) -> Option<&mut Device> {
        self.devices.get_mut(self.share.index(number))
    }

    fn addresses(&self, net: &Net<u32>) -> Vec<DeviceAddress> {
        let open = |(index, device): (usize, &Device)| {
            let socket = net.addresses(device.open()?)?.client;
            Some(DeviceAddress {
                device: self.share.device(index),
                client: device.source,
                socket,
            })
        };
        self.devices.iter().enumerate().filter_map(open).collect()
    }
}

impl App for Devices {
    type Command = Command;
    /// The device's number.
    type Session = u32;

    fn on_command(&mut self, net: &mut Net<u32>, command: Command) {
        match command {
            Command::Work(work, pace) => self.jobs.push((work, Walk::new(pace, self.share))),
            // Whoever asked may have lost patience.
            Command::Addresses(reply) => drop(reply.send(self.addresses(net))),
        }
    }

    fn on_open(&mut self, net: &mut Net<u32>, conn: ConnId) {
        let number = net.session(conn).copied().unwrap_or_default();
        self.opened(net, number, conn);
    }

    fn on_message(&mut self, net: &mut Net<u32>, conn: ConnId, message: Message<'_>) {
        let number = net.session(conn).copied().unwrap_or_default();
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                self.news
                    .fail(|| format!("device {number} was sent a binary message"));
                return;
            }
        };
        match ServerMessage::parse(text) {
            Ok(ServerMessage::Message(delivery)) => self.delivered(number, &delivery),
            Ok(answer) => self.answered(number, answer),
            Err(error) => self
                .news
                .fail(|| format!("device {number} was sent {text:?}: {error}")),
        }
    }

    fn on_close(&mut self, net: &mut Net<u32>, conn: ConnId, closed: &Closed) {
        let number = net.session(conn).copied().unwrap_or_default();
        self.closed(number, closed);
    }

    fn on_failed(&mut self, net: &mut Net<u32>, conn: ConnId, failure: &Failure) {
        let number = net.session(conn).copied().unwrap_or_default();
        self.failed(net, number, failure);
    }

    fn on_turn(&mut self, net: &mut Net<u32>, now: Instant) -> Option<Instant> {
        let next = self.work(net, now);
        self.news.show(&self.outlook);
        next
    }
}

/// Whether a device may dial.
fn is_down(device: &Device) -> bool {
    device.link == Link::Down
}
