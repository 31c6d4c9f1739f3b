"""A server that another version deployed to: what the code alone knows is brought up to date."""

from prefect.client.schemas.actions import DeploymentUpdate

BERT = "classify-bert/classify-bert"


def test_forms_and_entry_points_are_brought_up_to_date_and_nothing_else(deploy, client):
    deploy("pool.name=mine")
    there = client.read_deployment_by_name(BERT)
    form = there.parameter_openapi_schema
    del form["definitions"]["TrainSettings"]["properties"]["epochs"]
    form["definitions"]["TrainSettings"]["properties"]["rounds"] = {"type": "integer"}
    client.update_deployment(
        there.id,
        DeploymentUpdate(
            parameter_openapi_schema=form,
            entrypoint="nightloom.flows.classify_bert.old",
            description="of old",
        ),
    )
    assert deploy() == {
        f"{BERT}: entrypoint": (
            "nightloom.flows.classify_bert.old",
            "nightloom.flows.classify_bert.classify_bert",
        ),
        f"{BERT}: form": (
            "without TrainSettings.epochs",
            "with them, without TrainSettings.rounds",
        ),
    }
    after = client.read_deployment_by_name(BERT)
    assert "epochs" in after.parameter_openapi_schema["definitions"]["TrainSettings"]["properties"]
    assert (after.description, after.work_pool_name) == ("of old", "mine")
    assert deploy() == {}
