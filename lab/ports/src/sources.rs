//! The sequence of sources.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::addresses::Book;
use crate::model::Model;
use crate::models::{
    BindFirst, CgnatBlocks, HomeNat, Host, Ipv6Privacy, LinuxConnect, PerCoreResidue, Range, Stride,
};
use crate::random::Random;
use crate::setting::{Setting, Span};

/// Sources, one per connection, never one twice while it is held. Ends when the addresses or the ports do.
#[derive(Debug, Clone)]
pub struct Sources {
    giver: Giver,
    book: Book,
    random: Random,
    /// Sources that a NAT gave before and that came back.
    returned: VecDeque<SocketAddr>,
}

/// The model at work.
#[derive(Debug, Clone)]
enum Giver {
    LinuxConnect(Host<LinuxConnect>),
    BindFirst(Host<BindFirst>),
    Range(Host<Range>),
    Stride(Host<Stride>),
    PerCoreResidue(Host<PerCoreResidue>),
    CgnatBlocks(CgnatBlocks),
    HomeNat(HomeNat),
    Ipv6Privacy(Ipv6Privacy),
}

impl Sources {
    pub(crate) fn new(model: Model, setting: &Setting) -> Self {
        let span = Span::new(setting.ports.as_ref().unwrap_or(&model.usual_ports()));
        let mut random = Random::new(setting.seed);
        let giver = match model {
            Model::LinuxConnect => Giver::LinuxConnect(Host::new(span, LinuxConnect::start)),
            Model::BindFirst => Giver::BindFirst(Host::new(span, BindFirst::start)),
            Model::Range => Giver::Range(Host::new(span, Range::start)),
            Model::Stride4 => Giver::Stride(Host::new(span, Stride::start::<4>)),
            Model::Stride8 => Giver::Stride(Host::new(span, Stride::start::<8>)),
            Model::Stride16 => Giver::Stride(Host::new(span, Stride::start::<16>)),
            Model::PerCoreResidue => Giver::PerCoreResidue(Host::new(span, PerCoreResidue::start)),
            Model::CgnatBlocks => Giver::CgnatBlocks(CgnatBlocks::new(span)),
            Model::HomeNat => Giver::HomeNat(HomeNat::new(span)),
            Model::Ipv6Privacy => Giver::Ipv6Privacy(Ipv6Privacy::new(span)),
        };
        let book = Book::open(&setting.addresses, &mut random);
        Self {
            giver,
            book,
            random,
            returned: VecDeque::new(),
        }
    }

    /// The connection is gone and its source may be given again, in the way of the model.
    pub fn release(&mut self, source: SocketAddr) {
        match &mut self.giver {
            Giver::LinuxConnect(host) => host.release(source),
            Giver::BindFirst(host) => host.release(source),
            Giver::Range(host) => host.release(source),
            Giver::Stride(host) => host.release(source),
            Giver::PerCoreResidue(host) => host.release(source),
            Giver::CgnatBlocks(_) | Giver::HomeNat(_) | Giver::Ipv6Privacy(_) => {
                self.returned.push_back(source)
            }
        }
    }
}

impl Iterator for Sources {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        let Self {
            giver,
            book,
            random,
            returned,
        } = self;
        let fresh = match giver {
            Giver::LinuxConnect(host) => host.next(book, random),
            Giver::BindFirst(host) => host.next(book, random),
            Giver::Range(host) => host.next(book, random),
            Giver::Stride(host) => host.next(book, random),
            Giver::PerCoreResidue(host) => host.next(book, random),
            Giver::CgnatBlocks(nat) => nat.next(book, random),
            Giver::HomeNat(nat) => nat.next(book, random),
            Giver::Ipv6Privacy(devices) => devices.next(book, random),
        };
        fresh.or_else(|| returned.pop_front())
    }
}
