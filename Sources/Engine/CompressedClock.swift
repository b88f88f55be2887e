// A clock that runs faster than the machine's, for tests against a simulator whose clock does so too; debug builds alone.

#if DEBUG
    package import Wire

    /// The machine's clocks, so many times as fast since its making.
    package struct CompressedClock: EngineClock {
        private let machine = SystemClock()
        private let start: Timestamp
        private let scale: Double

        package init(scale: Double) {
            start = machine.now()
            self.scale = scale
        }

        package func now() -> Timestamp {
            Timestamp(milliseconds: start.milliseconds + elapsed().milliseconds)
        }

        package func elapsed() -> Duration { machine.elapsed() * scale }

        package func sleep(until time: Timestamp) async {
            let rest = Double(time.milliseconds - now().milliseconds) / scale
            await machine.sleep(until: Timestamp(milliseconds: machine.now().milliseconds + Int64(rest.rounded(.up))))
        }
    }
#endif
