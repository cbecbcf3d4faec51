# output STACK KEY: prints an output of a stack of CloudFormation, and fails where there is none. deploy.sh of ECS and of Kubernetes read it.
output() {
  local value
  value=$(aws cloudformation describe-stacks --stack-name "$1" --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue | [0]" --output text)
  # The command line prints this where there is no such output.
  [ "$value" != None ] || { echo "the stack $1 has no output $2" >&2; return 1; }
  echo "$value"
}
