//! The workers, for people.

use super::convert::status;
use crate::engine::Engine;
use crate::scheduler::Capabilities;
use crate::store::Session;
use isoscope_proto::time::timestamp;
use isoscope_proto::v1::fleet_service_server::FleetService;
use isoscope_proto::v1::worker::State;
use isoscope_proto::v1::{
    Capabilities as WireCapabilities, ListWorkersRequest, ListWorkersResponse, OfferedPlugin, RejectedPlugin,
    Worker,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

pub(crate) struct Fleet {
    engine: Arc<Engine>,
}

impl Fleet {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

#[tonic::async_trait]
impl FleetService for Fleet {
    async fn list_workers(
        &self,
        _: Request<ListWorkersRequest>,
    ) -> Result<Response<ListWorkersResponse>, Status> {
        let workers = self.engine.workers().await.map_err(status)?;
        let workers = workers.into_iter().map(|(session, running)| worker(session, running)).collect();
        Ok(Response::new(ListWorkersResponse { workers }))
    }
}

fn worker(session: Session, running: u32) -> Worker {
    let state = match (session.draining, session.cordoned) {
        (true, _) => State::Draining,
        (_, true) => State::Cordoned,
        _ => State::Active,
    };
    Worker {
        name: session.worker,
        state: state.into(),
        capabilities: Some(capabilities(session.capabilities)),
        running,
        register_time: Some(timestamp(session.registered_at)),
        heartbeat_time: Some(timestamp(session.beat_at)),
    }
}

fn capabilities(c: Capabilities) -> WireCapabilities {
    let plugins = c.plugins.into_iter().map(|plugin| OfferedPlugin {
        id: plugin.id,
        version: plugin.version,
        digest: plugin.digest,
        source: plugin.source,
        manifest_json: String::new(),
    });
    let rejected = c.rejected.into_iter().map(|file| RejectedPlugin {
        source: file.source,
        digest: file.digest,
        reason: file.reason,
    });
    WireCapabilities {
        device: c.device,
        numerics_class: c.numerics_class,
        slots: c.slots,
        memory_bytes: c.memory_bytes,
        encoder_families: c.encoder_families.into_iter().collect(),
        plugins: plugins.collect(),
        rejected_plugins: rejected.collect(),
        dtype: c.dtype,
    }
}
