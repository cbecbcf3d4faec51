#!/bin/bash
# Brings Sluice to Fargate, or a new version of it:
#   deploy.sh BUCKET_STACK PARAMETERS.json
# BUCKET_STACK is the stack of "sluice config generate", whose outputs are read. PARAMETERS.json holds the other parameters of base.yaml and
# service.yaml, as "aws cloudformation deploy" reads them: ["Image=…", "Vpc=…"]. The database is migrated between the two stacks; when that
# fails, the running service stays as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bucket_stack=${1:?name the stack of the bucket}
parameters=${2:?name the file of parameters}
name=${SLUICE_STACK:-sluice}

output() { # STACK KEY
  aws cloudformation describe-stacks --stack-name "$1" --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue | [0]" --output text
}
deploy() { # STACK TEMPLATE
  aws cloudformation deploy --stack-name "$1" --template-file "$here/$2" --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
    --parameter-overrides "file://$merged"
}

merged=$(mktemp)
trap 'rm -f "$merged"' EXIT
python3 - "$parameters" \
  "BaseStack=$name-base" \
  "Bucket=$(output "$bucket_stack" Bucket)" \
  "BucketRegion=$(output "$bucket_stack" Region)" \
  "KeyPrefix=$(output "$bucket_stack" KeyPrefix)" \
  "WriteRoleArn=$(output "$bucket_stack" WriteRoleArn)" \
  "ReadRoleArn=$(output "$bucket_stack" ReadRoleArn)" >"$merged" <<'PYTHON'
import json, sys
with open(sys.argv[1]) as file:
    print(json.dumps(json.load(file) + sys.argv[2:]))
PYTHON

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
echo "let the name in PublicUrl lead to $(output "$name" Address)"
