// What is measured, of whom, and the figures as they come in.

/// One property that contenders are compared by.
enum Measure: Hashable, CaseIterable {
    case warm4KLatency, warm4KProcessor, peakMemory
    case tinyLatency, tinyRate
    case fresh4K, fresh1K
    case link4K
    case startEmpty, startFull
    case idleMemory, heldMemory
    case version

    var title: String {
        switch self {
        case .warm4KLatency: "4K image, warm, one at a time: request to image, median"
        case .warm4KProcessor: "4K image, warm, one at a time: processor time of contender and client"
        case .peakMemory: "64 images of 4K in flight: peak resident memory"
        case .tinyLatency: "tiny image, warm, one at a time: request to image, median"
        case .tinyRate: "tiny image, 64 connections at once"
        case .fresh4K: "4K image, fresh process to file"
        case .fresh1K: "1K image, fresh process to file"
        case .link4K: "4K image over a link of 40 ms round trip, median"
        case .startEmpty: "start to READY, empty state"
        case .startFull: "start to READY, state with ended jobs"
        case .idleMemory: "idle: resident memory"
        case .heldMemory: "idle with 10,000 connections: resident memory"
        case .version: "`darkroom --version`, whole process"
        }
    }

    var unit: String {
        switch self {
        case .peakMemory, .idleMemory, .heldMemory: "MB"
        case .tinyRate: "images/s"
        default: "ms"
        }
    }
}

/// Where a daemon of the benchmark keeps its state.
enum StatePlace: Hashable {
    /// On the file system of the work directory: every fsync costs what it costs there.
    case disk
    /// In /dev/shm, where fsync is free.
    case memory
}

/// How a client of the daemon gets its bytes.
enum Way: String, Hashable {
    case fd, inline
}

/// Who does the work.
enum Contender: Hashable {
    case direct, nginx, liteLLM
    case daemon(Way, StatePlace)
    /// The command, with the daemon's state in /dev/shm.
    case command
    case pipeline, script
    case curlReused, curlFresh

    var title: String {
        switch self {
        case .direct: "direct TLS, keep-alive, decoding client"
        case .nginx: "nginx on a Unix socket, decoding client"
        case .liteLLM: "LiteLLM proxy, decoding client"
        case .daemon(let way, .disk): "darkroom, \(way), state on disk"
        case .daemon(let way, .memory): "darkroom, \(way), state without fsync cost"
        case .command: "`darkroom` command"
        case .pipeline: "`curl \\| jq \\| base64 -d`"
        case .script: "`google-genai` script"
        case .curlReused: "curl, HTTP/1.1, connection kept"
        case .curlFresh: "curl, HTTP/1.1, new connection"
        }
    }

    var isDarkroom: Bool {
        switch self {
        case .daemon, .command: true
        default: false
        }
    }
}

/// One column of figures: a property of a contender.
struct Series: Hashable {
    let measure: Measure
    let contender: Contender

    init(_ measure: Measure, _ contender: Contender) {
        self.measure = measure
        self.contender = contender
    }
}

/// Something that is done once a round and gives figures.
struct Trial {
    let name: String
    /// Figures in the unit of their measure.
    let run: () throws -> [Series: Double]
}

/// The figures of all rounds.
struct Results {
    /// By round; a round in which the trial failed is missing.
    private(set) var figures: [Series: [Int: Double]] = [:]
    /// In the order in which they came first.
    private(set) var order: [Series] = []

    mutating func add(_ new: [Series: Double], round: Int) {
        for (series, value) in new.sorted(by: { $0.key.contender.title < $1.key.contender.title }) {
            if figures[series] == nil { order.append(series) }
            figures[series, default: [:]][round] = value
        }
    }

    subscript(series: Series) -> [Int: Double] { figures[series] ?? [:] }

    func median(_ series: Series) -> Double? { Statistics.median(Array(self[series].values)) }

    /// How many times the second the first is, taken round by round.
    func ratio(_ first: Series, _ second: Series) -> Double? {
        Statistics.median(self[first], self[second]) { $0 / $1 }
    }

    /// How much more the first is than the second, taken round by round.
    func difference(_ first: Series, _ second: Series) -> Double? {
        Statistics.median(self[first], self[second]) { $0 - $1 }
    }
}
