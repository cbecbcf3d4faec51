#!/bin/bash
# Brings Sluice to Fargate, or a new version of it:
#   deploy.sh BUCKET_STACK PARAMETERS.json
# BUCKET_STACK is the stack of "sluice config generate", whose outputs are read. PARAMETERS.json holds the other parameters of base.yaml and
# service.yaml, as "aws cloudformation deploy" reads them: ["Image=…", "Vpc=…"]. The database is migrated between the two stacks; when that
# fails, the running service stays as it is. The dashboard and the alarms of ../cloudwatch come last.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bucket_stack=${1:?name the stack of the bucket}
parameters=${2:?name the file of parameters}
name=${SLUICE_STACK:-sluice}

. "$here/../stack-output.sh"
deploy() { # STACK TEMPLATE [NAME=VALUE…]
  # The parameters that the template does not have are left out by the command itself.
  python3 - "$parameters" "${read[@]}" "${@:3}" >"$merged" <<'PYTHON'
import json, sys
with open(sys.argv[1]) as file:
    print(json.dumps(json.load(file) + sys.argv[2:]))
PYTHON
  aws cloudformation deploy --stack-name "$1" --template-file "$here/$2" --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
    --parameter-overrides "file://$merged"
}

merged=$(mktemp)
trap 'rm -f "$merged"' EXIT
read=("BaseStack=$name-base")
for pair in Bucket=Bucket BucketRegion=Region KeyPrefix=KeyPrefix WriteRoleArn=WriteRoleArn ReadRoleArn=ReadRoleArn; do
  value=$(output "$bucket_stack" "${pair#*=}")
  read+=("${pair%%=*}=$value")
done

deploy "$name-base" base.yaml

cluster=$(output "$name-base" Cluster)
network="awsvpcConfiguration={subnets=[$(output "$name-base" PrivateSubnets)],securityGroups=[$(output "$name-base" TaskGroup)],assignPublicIp=DISABLED}"
task=$(aws ecs run-task --cluster "$cluster" --task-definition "$(output "$name-base" MigrationDefinition)" --launch-type FARGATE \
  --network-configuration "$network" --query "tasks[0].taskArn" --output text)
echo "migrating the database by $task"
aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$task"
code=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" --query "tasks[0].containers[0].exitCode" --output text)
if [ "$code" != 0 ]; then
  echo "the migration ended with $code; its words are in the log group $(output "$name-base" LogGroup)" >&2
  exit 1
fi

deploy "$name" service.yaml
deploy "$name-dashboard" ../cloudwatch/dashboard.yaml
deploy "$name-alarms" ../cloudwatch/alarms.yaml "PageTopicArn=$(output "$name-base" PageTopicArn)" \
  "TicketTopicArn=$(output "$name-base" TicketTopicArn)"
echo "let the name in PublicUrl lead to $(output "$name" Address)"
