//! A ruler with the groups that were given to it.
use proto::v1::{
    self,
    ruler_server::{Ruler, RulerServer},
};
use tonic::{Request, Response, Status, service::Routes};

pub(super) fn routes(groups: Vec<v1::RuleGroup>) -> Routes {
    Routes::new(RulerServer::new(Double(groups)))
}

struct Double(Vec<v1::RuleGroup>);

#[tonic::async_trait]
impl Ruler for Double {
    async fn rules(
        &self,
        _: Request<v1::RulesRequest>,
    ) -> Result<Response<v1::RulesResponse>, Status> {
        let groups = self.0.clone();
        Ok(Response::new(v1::RulesResponse { groups }))
    }
}
