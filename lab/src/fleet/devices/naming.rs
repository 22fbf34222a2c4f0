//! Devices that go by a name: from the name server's answer to an address.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use gateway_client::{Attempt, Cause, Lost, Resolved, ServerId, ServerList};
use gateway_engine::Net;

use super::Devices;
use crate::fleet::device::Tag;
use crate::fleet::names::Names;

impl Devices {
    /// An attempt begins: at once, or when the name server has answered.
    pub(super) fn set_out(&mut self, net: &mut Net<Tag>, tag: Tag) {
        let Some(habit) = self.common.setup.names.as_ref().map(|names| names.habit) else {
            return self.set_out_to(net, tag);
        };
        let set_aside = self.common.settings.set_aside;
        let Some(device) = self.device(tag.device) else {
            return;
        };
        let names = device
            .names
            .get_or_insert_with(|| Box::new(Names::new(habit)));
        if !names.begin(tag.attempt, Instant::now(), set_aside) {
            return self.set_out_to_address(net, tag);
        }
        match &self.asker {
            Some(asker) => asker.ask(tag.device, tag.attempt),
            None => self.lose(tag, unresolvable("nobody can be asked")),
        }
    }

    /// The name server has answered a device. Old addresses are better than none, as in the library.
    pub(super) fn resolved(
        &mut self,
        net: &mut Net<Tag>,
        number: u32,
        attempt: Attempt,
        answer: io::Result<Resolved>,
    ) {
        let names = self.device(number).and_then(|device| device.names.as_mut());
        // The attempt may have run out of time.
        let Some(names) = names.filter(|names| names.is_waiting(attempt)) else {
            return;
        };
        let failure = match answer {
            Ok(answer) if !answer.addresses.is_empty() => {
                names.learn(&answer.addresses, answer.ttl, Instant::now());
                String::new()
            }
            Ok(_) => "the name has no addresses".to_owned(),
            Err(error) => error.to_string(),
        };
        let tag = Tag {
            device: number,
            server: ServerId(0),
            attempt,
        };
        if names.knows_nothing() {
            self.lose(tag, unresolvable(&failure));
        } else {
            self.set_out_to_address(net, tag);
        }
        self.settle(net, number);
    }

    fn set_out_to_address(&mut self, net: &mut Net<Tag>, tag: Tag) {
        let set_aside = self.common.settings.set_aside;
        let index = self.share.index(tag.device);
        let names = self
            .devices
            .get_mut(index)
            .and_then(|device| device.names.as_mut());
        if let Some(names) = names {
            names.choose(Instant::now(), set_aside, &mut self.rng);
        }
        self.set_out_to(net, tag);
    }

    /// Which target an attempt goes to.
    pub(super) fn place_of(&mut self, tag: Tag) -> Option<usize> {
        if self.common.setup.names.is_none() {
            return Some(usize::from(tag.server.0));
        }
        let ip = self.device(tag.device)?.names.as_ref()?.target()?;
        let mut targets = self.common.setup.targets.iter();
        targets.position(|target| target.ip() == ip)
    }

    /// After an attempt or a connection is over: whether the device's name has another address for it.
    pub(super) fn note_loss_of_address(&mut self, tag: Tag, lost: &mut Lost, now: Instant) {
        let common = Arc::clone(&self.common);
        let names = self.device(tag.device);
        if let Some(names) = names.and_then(|device| device.names.as_mut()) {
            names.lost(tag.attempt, lost, now, &common.settings);
        }
    }

    /// Everybody has another list of servers.
    pub(super) fn replace_servers(&mut self, net: &mut Net<Tag>, servers: Arc<ServerList>) {
        for index in 0..self.devices.len() {
            if let Some(session) = &mut self.devices[index].session {
                session.replace_servers(Arc::clone(&servers));
            }
            self.settle(net, self.share.device(index));
        }
        self.servers = servers;
    }
}

fn unresolvable(words: &str) -> Lost {
    Lost::new(Cause::Unresolvable).with_detail(words.to_owned())
}
