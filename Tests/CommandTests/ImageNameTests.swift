import Testing

@testable import darkroom

struct ImageNameTests {
    @Test(arguments: [
        ("cat", "image/jpeg", "cat.jpg"), ("cat.png", "image/jpeg", "cat.jpg"), ("cat.PNG", "image/jpeg", "cat.jpg"),
        ("cat.JPEG", "image/jpeg", "cat.JPEG"), ("cat.jpg", "image/png", "cat.png"), ("v1.2", "image/png", "v1.2.png"),
        (".cat", "image/png", ".cat.png"), ("cat.", "image/png", "cat..png"),
        ("a.png/cat", "image/jpeg", "a.png/cat.jpg"),
        ("cat.heif", "image/heic", "cat.heif"), ("cat.png", "image/x-new", "cat.png"),
        ("cat", "image/webp", "cat.webp"),
    ])
    func aNameSaysTheTypeOfTheBytes(asked: String, mimeType: String, name: String) {
        #expect(ImageName.named(asked, for: mimeType) == name)
    }

    @Test func numbersStandBeforeTheEnding() {
        #expect(ImageName.numbered("a.b/cat.jpg", 2) == "a.b/cat-2.jpg")
        #expect(ImageName.numbered("a.b/cat", 2) == "a.b/cat-2")
    }
}
