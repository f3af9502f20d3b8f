//! The orders of an organisation, and what it has to spend.

use super::order::{EXECUTED, FAILED, Order, PENDING, PENDING_APPROVAL, SCHEDULED, SUCCEEDED, Wish};
use crate::domain::at::At;
use crate::domain::money::{Currency, Money};
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Books {
    pub orders: Vec<Order>,
    /// In minor units; a currency that is missing has no end.
    pub balances: BTreeMap<Currency, i64>,
    pub needs_approval: bool,
    pub delivers_later: bool,
    pub ignores_differences: bool,
    /// Webhooks that were made.
    pub events: u64,
}

/// What became of a request for an order.
pub enum Placed {
    New(Order),
    Waiting(Order),
    Repeated(Order),
    Conflict,
    NoFunds,
}

impl Books {
    pub fn named(&self, name: &str) -> Option<&Order> {
        self.orders.iter().find(|order| order.is_named(name))
    }
    fn named_mut(&mut self, name: &str) -> Option<&mut Order> {
        self.orders.iter_mut().find(|order| order.is_named(name))
    }

    pub fn place(&mut self, wish: Wish, now: At) -> Placed {
        let known = wish.external_id.as_deref().and_then(|id| self.named(id));
        if let Some(known) = known {
            let is_same = self.ignores_differences || known.is_of(&wish);
            return if is_same { Placed::Repeated(known.clone()) } else { Placed::Conflict };
        }
        let mut order = Order::new(wish, self.orders.len(), now);
        if self.needs_approval {
            self.orders.push(order.clone());
            return Placed::Waiting(order);
        }
        if !self.take(order.money) {
            return Placed::NoFunds;
        }
        order.execute(self.delivers_later);
        self.orders.push(order.clone());
        Placed::New(order)
    }

    pub fn approve(&mut self, name: &str) -> bool {
        let Some(order) = self.named(name).filter(|order| order.status == PENDING_APPROVAL) else { return false };
        let (paid, later) = (self.take(order.money), self.delivers_later);
        self.named_mut(name).is_some_and(|order| {
            if paid {
                order.execute(later)
            } else {
                order.status = FAILED
            }
            true
        })
    }

    pub fn end(&mut self, name: &str, status: &'static str) -> bool {
        let Some(order) = self.named_mut(name) else { return false };
        let (was, money) = (order.status, order.money);
        if was != EXECUTED && was != PENDING_APPROVAL {
            return false;
        }
        order.status = status;
        if was == EXECUTED
            && let Some(left) = self.balances.get_mut(&money.currency)
        {
            *left += money.minor;
        }
        true
    }

    pub fn deliver(&mut self, name: &str, delivery: &'static str) -> bool {
        let Some(order) = self.named_mut(name).filter(|order| order.status == EXECUTED) else { return false };
        order.delivery = delivery;
        true
    }

    fn take(&mut self, money: Money) -> bool {
        match self.balances.get_mut(&money.currency) {
            Some(left) if *left < money.minor => return false,
            Some(left) => *left -= money.minor,
            None => {}
        }
        true
    }
}

impl Order {
    /// A link counts as delivered when it is opened.
    fn execute(&mut self, later: bool) {
        self.status = EXECUTED;
        self.delivery = match self.method.as_str() {
            "LINK" => PENDING,
            _ if later => SCHEDULED,
            _ => SUCCEEDED,
        };
    }
}
