"""The files that deployments are made of: what Prefect itself would read, and what workers get."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.utilities.templating import apply_values, find_placeholders

from nightloom.deployments.declared import PREFECT_YAML, declared, in_file
from nightloom.deployments.templates import base_job_template
from nightloom.records.known import find_flow, flows
from nightloom.settings.deploy import DeploySettings, PoolSettings
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.yaml_file import read_yaml


def test_prefect_reads_the_file_and_every_flow_is_in_it():
    model = PrefectYamlModel.model_validate(read_yaml(PREFECT_YAML))
    assert {one.name for one in model.deployments} <= set(flows())
    assert {one.name for one in declared(DeploySettings())} == set(flows())
    for one in model.deployments:
        assert one.enforce_parameter_schema
        assert one.work_pool.name == "nightloom"


def test_the_file_has_what_the_records_say():
    ours = {one.name: one for one in declared(DeploySettings())}
    for one in in_file():
        assert ours[one.name] == one


def test_every_entrypoint_is_the_flow_of_its_record():
    for one in declared(DeploySettings()):
        flow = one.load()
        assert flow.name == one.name
        assert flow is find_flow(one.name).load()
        assert "nightloom" in one.tags


def test_the_example_night_is_valid():
    [night] = [one for one in declared(DeploySettings()) if one.name == "nightly"]
    settings = NightlySettings.model_validate(night.parameters["settings"])
    assert settings.models[0].parsed().data.source == "sample"
    assert night.cron == "0 2 * * *"


def test_a_night_from_a_file_keeps_where_it_runs(tmp_path):
    file = tmp_path / "night.yaml"
    file.write_text("models: [{flow: ner-bert}]\nrun: {engine: ray, address: '10.0.0.1:6379'}\n")
    settings = DeploySettings.model_validate({"nightly": {"models": str(file)}})
    [night] = [one for one in declared(settings) if one.name == "nightly"]
    run = NightlySettings.model_validate(night.parameters["settings"]).run
    assert (run.engine, run.address, run.retries) == ("ray", "10.0.0.1:6379", 3)


@pytest.mark.parametrize("kind", ["kubernetes", "docker"])
def test_a_pool_template_renders_without_gaps(kind):
    template = base_job_template(PoolSettings(type=kind, image="registry/nightloom:1", home="/n"))
    variables = template["variables"]
    Draft202012Validator.check_schema(variables)
    defaults = {
        name: part["default"] for name, part in variables["properties"].items() if "default" in part
    }
    given = {**defaults, "command": "prefect flow-run execute"}
    Draft202012Validator(variables).validate(given)
    assert set(find_placeholders_in(template["job_configuration"])) <= set(given)
    job = apply_values(template["job_configuration"], given)
    assert not list(find_placeholders_in(job))
    assert job["env"]["NIGHTLOOM_HOME"] == "/n"
    if kind == "docker":
        assert job["image"] == "registry/nightloom:1"
        assert job["volumes"] == ["/srv/nightloom:/n"]
        return
    manifest = job["job_manifest"]
    assert (manifest["apiVersion"], manifest["kind"]) == ("batch/v1", "Job")
    pod = manifest["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    [container] = pod["containers"]
    assert container["name"] == "prefect-job"
    assert container["image"] == "registry/nightloom:1"
    assert container["volumeMounts"] == [{"name": "home", "mountPath": "/n"}]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == "nightloom-home"


def find_placeholders_in(value: Any) -> list[str]:
    """Names of all that is still to be filled in."""
    return [one.name for one in find_placeholders(value)]
