//! Whole stories over the real appliance, its engine under power cuts, and the rules of the house.

mod support;

mod admin;
mod anchor;
mod apple;
mod auth;
mod backup;
mod binding;
mod certificates;
mod claim;
mod consent;
mod crash;
mod custom_code;
mod demo;
mod device;
mod differential;
mod doctor;
mod erasure;
mod evidence;
mod events;
mod extension;
mod forward;
mod healing;
mod hearing;
mod input;
mod kill;
mod offers;
mod openapi;
mod page;
mod partner;
mod payout;
mod pool;
mod post;
mod rate;
mod reconciliation;
mod refund;
mod refund_question;
mod restore;
mod review;
mod reward;
mod rules;
mod secrecy;
mod selling;
mod serving;
mod share;
mod source;
mod story;
mod subscription;
mod systemd;
mod tidy;
mod upgrade;
mod webhook;
mod winback;

// The forge of certificates, which is a part of the library's own tests, calls it `crate`.
use referd::domain;
