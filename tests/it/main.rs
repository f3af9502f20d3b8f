//! Whole stories over the real appliance, its engine under power cuts, and the rules of the house.

mod support;

mod admin;
mod apple;
mod auth;
mod claim;
mod crash;
mod demo;
mod input;
mod kill;
mod page;
mod pool;
mod reward;
mod secrecy;
mod serving;
mod share;
mod tidy;
mod webhook;
