// The command `darkroom`: arguments to a request, an answer to a file and words.

import ArgumentParser
import Glibc

var isJSON = false
do {
    var command = try Darkroom.parseAsRoot()
    isJSON = (command as? any DarkroomCommand)?.root.shared.json ?? false
    try command.run()
} catch {
    exit(Ending.tell(error, isJSON: isJSON))
}
