//! Jobs that wait for another one.

use super::*;

fn child<'a>(owner: &'a Owner, parent: JobId) -> NewJob<'a> {
    NewJob { parent: Some(parent), ..job(owner) }
}

#[tokio::test]
async fn a_child_starts_when_its_parent_is_done() {
    on_every_line(settings(), async |bench| {
        let anna = user("anna");
        let parent = bench.submit(&anna).await;
        let child = child(&anna, parent);
        bench.offer(&child).await.unwrap();
        let claim = bench.claimed().await;
        assert_eq!(claim.id, parent);
        assert!(bench.claim().await.is_none(), "the child waits");
        bench.finish(&claim, done()).await;
        let claim = bench.claimed().await;
        assert_eq!((claim.id, claim.parent), (child.id, Some(parent)));
        bench.finish(&claim, done()).await;
        let late = NewJob { parent: Some(parent), ..job(&anna) };
        bench.offer(&late).await.unwrap();
        assert_eq!(bench.claimed().await.id, late.id, "a parent that is done already holds nobody up");
    })
    .await;
}

#[tokio::test]
async fn a_parent_that_fails_or_is_cancelled_takes_its_family_along() {
    on_every_line(settings(), async |bench| {
        let anna = user("anna");
        for (end, standing) in
            [(State::Failed(Failure::internal("broken")), Standing::Failed), (State::Cancelled, Standing::Cancelled)]
        {
            let parent = bench.submit(&anna).await;
            let first = child(&anna, parent);
            bench.offer(&first).await.unwrap();
            let grandchild = child(&anna, first.id);
            bench.offer(&grandchild).await.unwrap();
            let claim = bench.claimed().await;
            let Finished::Ended(ended) = bench.finish(&claim, end).await else { panic!("it counts") };
            let expected = [(parent, standing), (first.id, standing), (grandchild.id, standing)];
            assert_eq!(standings(&ended), expected, "so that all of them are paid back");
            assert!(bench.claim().await.is_none());
            let refused = bench.offer(&child(&anna, parent)).await;
            assert!(matches!(&refused, Err(Failure::Invalid { param: Some(p), .. }) if p == "parent"), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn cancelling_a_waiting_parent_cancels_its_children() {
    on_every_line(settings(), async |bench| {
        let anna = user("anna");
        let parent = bench.submit(&anna).await;
        let child = child(&anna, parent);
        bench.offer(&child).await.unwrap();
        let ended = bench.cancel(parent, &anna).await.unwrap();
        assert_eq!(standings(&ended), [(parent, Standing::Cancelled), (child.id, Standing::Cancelled)]);
        assert_eq!(bench.state(child.id).await, State::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_stranger_or_for_nothing() {
    on_every_line(settings(), async |bench| {
        let hers = bench.submit_for("anna").await;
        let boris = user("boris");
        for parent in [hers, JobId::fresh()] {
            let refused = bench.offer(&child(&boris, parent)).await.unwrap_err().to_string();
            assert_eq!(refused, format!("there is no job {parent}"));
        }
    })
    .await;
}
