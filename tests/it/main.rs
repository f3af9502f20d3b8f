//! The whole appliance from outside, its engine under power cuts, and the rules of the house.

mod crash;
mod demo;
mod support;
mod tidy;
