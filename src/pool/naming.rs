//! What an order is called between two servers of a radio.

use config::Config;
use protocol::{Method, Order, OrderRequest};

/// Another server of the radio; of two the other one.
pub fn other<'a>(config: &'a Config, server: &str) -> &'a str {
    let other = config.servers().into_iter().find(|name| name.as_str() != server);
    // A radio has two servers at least.
    other.unwrap_or(&config.roles.destination)
}

/// The order as it is called between two servers. Of a radio that has no more, the cluster file says which is which.
pub fn between(config: &Config, [one, two]: [&str; 2], order: Order, method: Method) -> OrderRequest {
    if config.servers().len() > 2 {
        return OrderRequest { between: Some([one.to_owned(), two.to_owned()]), ..OrderRequest::new(order, method) };
    }
    let called = match (order, one == config.roles.initiator.as_str()) {
        (order, true) => order,
        (Order::M, false) => Order::MB,
        (Order::KL, false) => Order::KR,
        (_, false) => Order::DSR,
    };
    OrderRequest::new(called, method)
}
