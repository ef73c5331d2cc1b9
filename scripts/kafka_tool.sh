# Kafka's own command line tools, run from the jars: `run_tool kafka-topics --list …`. Sourced by clusters.sh.
# shellcheck shell=bash
#
# Kafka moves these classes between releases, so a tool is a list of names, newest first, of which the jars have one.

tool_classes() {
    local in_tools=org.apache.kafka.tools
    case $1 in
        kafka-topics) echo "$in_tools.TopicCommand kafka.admin.TopicCommand" ;;
        kafka-configs) echo "$in_tools.ConfigCommand kafka.admin.ConfigCommand" ;;
        kafka-acls) echo "$in_tools.AclCommand kafka.admin.AclCommand" ;;
        kafka-consumer-groups)
            echo "$in_tools.consumer.group.ConsumerGroupCommand kafka.admin.ConsumerGroupCommand"
            ;;
        kafka-console-consumer) echo "$in_tools.consumer.ConsoleConsumer kafka.tools.ConsoleConsumer" ;;
        kafka-console-producer) echo "$in_tools.ConsoleProducer kafka.tools.ConsoleProducer" ;;
        kafka-dump-log) echo "$in_tools.DumpLogSegments kafka.tools.DumpLogSegments" ;;
        kafka-transactions) echo "$in_tools.TransactionsCommand" ;;
        kafka-groups) echo "$in_tools.GroupsCommand" ;;
        kafka-get-offsets) echo "$in_tools.GetOffsetShell kafka.tools.GetOffsetShell" ;;
        kafka-delete-records) echo "$in_tools.DeleteRecordsCommand kafka.admin.DeleteRecordsCommand" ;;
        kafka-reassign-partitions)
            echo "$in_tools.reassign.ReassignPartitionsCommand kafka.admin.ReassignPartitionsCommand"
            ;;
        kafka-leader-election) echo "$in_tools.LeaderElectionCommand kafka.admin.LeaderElectionCommand" ;;
        kafka-features) echo "$in_tools.FeatureCommand kafka.admin.FeatureCommand" ;;
        kafka-cluster) echo "$in_tools.ClusterTool kafka.tools.ClusterTool" ;;
        kafka-metadata-quorum) echo "$in_tools.MetadataQuorumCommand kafka.admin.MetadataQuorumCommand" ;;
        kafka-broker-api-versions)
            echo "$in_tools.BrokerApiVersionsCommand kafka.admin.BrokerApiVersionsCommand"
            ;;
        kafka-log-dirs) echo "$in_tools.LogDirsCommand kafka.admin.LogDirsCommand" ;;
        kafka-producer-perf-test) echo "$in_tools.ProducerPerformance" ;;
        kafka-consumer-perf-test) echo "$in_tools.ConsumerPerformance kafka.tools.ConsumerPerformance" ;;
        kafka-verifiable-producer) echo "$in_tools.VerifiableProducer" ;;
        kafka-storage) echo kafka.tools.StorageTool ;;
        connect-mirror-maker) echo org.apache.kafka.connect.mirror.MirrorMaker ;;
        *.*) echo "$1" ;; # any other class by its full name
        *) die "unknown tool '$1'; a full class name works too" ;;
    esac
}

# A jar names its entries in clear text, so grep can look into it.
has_class() {
    grep -qaF "${1//.//}.class" "$JARS"/kafka*.jar "$JARS"/connect*.jar 2>/dev/null
}

# KAFKA_HEAP_OPTS is the variable of Kafka's own scripts. AQUEDUCT_TOOL_LOG=info shows a tool's own log.
run_tool() {
    local name=${1:?tool NAME args} class options
    shift
    set_pair
    load_pair || JARS=$("$here/kafka_jars.sh" --version "$VERSION")
    read -ra options <<<"${KAFKA_HEAP_OPTS:--Xmx512m}"
    # A short admin call is faster without the second compiler; what runs long needs it.
    case $name in *perf-test | *mirror-maker | *.* | *verifiable*) ;; *) options+=(-XX:TieredStopAtLevel=1) ;; esac
    for class in $(tool_classes "$name"); do
        has_class "$class" || [[ $name == *.* ]] || continue
        exec java "${options[@]}" -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel="${AQUEDUCT_TOOL_LOG:-warn}" \
            -cp "$JARS/*" "$class" "$@"
    done
    die "Kafka $VERSION has no $name"
}
