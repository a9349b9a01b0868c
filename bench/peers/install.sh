#!/bin/sh
# Installs the systems that the benchmarks compare with, on Debian, as root; none of them is started. What is missing
# afterwards is skipped by the benchmark, which says so.
set -e
cd "$(dirname "$0")"
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server rabbitmq-server nats-server \
  openjdk-17-jre-headless maven
mvn -q -B -f kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/kafka/lib"
npm install --no-audit --no-fund
