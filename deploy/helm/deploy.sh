#!/bin/bash
# Brings Sluice to a cluster of Kubernetes, or a new version of it:
#   deploy.sh BUCKET_STACK VALUES.yaml
# BUCKET_STACK is the stack of "sluice config generate". The stack "sluice-base" of ../ecs/base.yaml has the database. VALUES.yaml holds the
# values that no stack knows, and overrides the others. The release and its namespace are called "sluice". When the database cannot be
# migrated, or the new version does not become ready, the old one stays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bucket_stack=${1:?name the stack of the bucket}
values=${2:?name the file of values}
name=${SLUICE_STACK:-sluice}

. "$here/../stack-output.sh"
apply() {
  kubectl apply --server-side --filename -
}
keep() { # SECRET KEY; the value comes by standard input, which no list of processes shows
  kubectl create secret generic "$1" --namespace "$name" --from-file="$2=/dev/stdin" --dry-run=client --output yaml | apply
}
read_secret() { # ARN
  aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text
}

database=$(output "$name-base" DatabaseUrl)
owner=$(output "$name-base" OwnerDatabaseUrl)
owner_secret=$(output "$name-base" OwnerSecretArn)
token_keys=$(output "$name-base" TokenKeysArn)
bucket=$(output "$bucket_stack" Bucket)
region=$(output "$bucket_stack" Region)
key_prefix=$(output "$bucket_stack" KeyPrefix)
read_role=$(output "$bucket_stack" ReadRoleArn)

kubectl create namespace "$name" --dry-run=client --output yaml | apply
# RDS renews the owner's password by itself.
read_secret "$owner_secret" | node -e 'process.stdout.write(JSON.parse(require("node:fs").readFileSync(0)).password)' | keep sluice-database-owner password
read_secret "$token_keys" | keep sluice-token-keys keys

helm upgrade --install "$name" "$here" --namespace "$name" --rollback-on-failure --timeout 15m --values - --values "$values" <<YAML
environment:
  SLUICE_DATABASE_URL: "$database"
  SLUICE_S3_BUCKET: "$bucket"
  SLUICE_S3_REGION: "$region"
  SLUICE_S3_KEY_PREFIX: "$key_prefix"
  SLUICE_S3_READ_ROLE_ARN: "$read_role"
secretEnvironment:
  SLUICE_TOKEN_KEYS: { secret: sluice-token-keys, key: keys }
migration:
  databaseUrl: "$owner"
YAML
