//! placeholder
use super::args::Demo;
pub async fn run(_: &Demo) -> anyhow::Result<bool> {
    Ok(true)
}
