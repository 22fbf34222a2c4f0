//! A carrier's NAT.

use std::net::{IpAddr, SocketAddr};

use crate::addresses::Book;
use crate::random::Random;
use crate::setting::Span;

/// Ports per customer. Carriers configure 64 to 4,096 (RFC 6888 section 3 asks for a limit, RFC 7422 shows block sizes).
const BLOCK: u32 = 512;

/// Connections that one customer opens at most: its devices.
const DEVICES: u32 = 4;

/// Port blocks behind few public addresses: a customer gets the next block of the address and uses it from its start, so ports sit
/// shortly above multiples of the block size.
#[derive(Debug, Clone)]
pub(crate) struct CgnatBlocks {
    span: Span,
    customer: Option<Customer>,
}

#[derive(Debug, Clone)]
struct Customer {
    address: IpAddr,
    /// Offset of the block from the low end of the span.
    block: u32,
    used: u32,
    devices: u32,
}

impl CgnatBlocks {
    pub(crate) fn new(span: Span) -> Self {
        Self {
            span,
            customer: None,
        }
    }

    pub(crate) fn next(&mut self, book: &mut Book, random: &mut Random) -> Option<SocketAddr> {
        let customer = match self.customer.take() {
            Some(customer) if customer.used < customer.devices => customer,
            Some(customer) => self.next_customer(&customer, book, random)?,
            None => self.first_customer(book.next()?, random)?,
        };
        let source = SocketAddr::new(
            customer.address,
            self.span.at(customer.block + customer.used),
        );
        self.customer = Some(Customer {
            used: customer.used + 1,
            ..customer
        });
        Some(source)
    }

    fn next_customer(
        &self,
        last: &Customer,
        book: &mut Book,
        random: &mut Random,
    ) -> Option<Customer> {
        let block = last.block + BLOCK;
        if block >= self.span.len {
            return self.first_customer(book.next()?, random);
        }
        Some(self.customer(last.address, block, random))
    }

    fn first_customer(&self, address: IpAddr, random: &mut Random) -> Option<Customer> {
        (self.span.len > 0).then(|| self.customer(address, 0, random))
    }

    fn customer(&self, address: IpAddr, block: u32, random: &mut Random) -> Customer {
        let devices = (1 + random.below(DEVICES)).min(self.span.len - block);
        Customer {
            address,
            block,
            used: 0,
            devices,
        }
    }
}
