//! The HTTP API through a real socket. Every answer of every test is held against the server's own OpenAPI document.

mod accounts;
mod contract;
mod edge;
mod guests;
mod history;
mod idempotency;
mod pages;
mod place;
mod roles;
mod sockets;
mod staff;
mod strict;
mod user;
