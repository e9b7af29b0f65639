"""The words of a prompt: for every part of a scene, how people say it in English and in Japanese.

The first entry of each list is the plainest. Kept apart from the drawing so that a synonym is one word's change.
"""

from doodle.drawing import RGB

COLOURS: dict[str, RGB] = {
    "red": (216, 38, 38),
    "orange": (248, 136, 28),
    "yellow": (252, 214, 44),
    "green": (46, 166, 68),
    "blue": (36, 92, 222),
    "purple": (132, 62, 190),
    "pink": (252, 146, 194),
    "brown": (124, 74, 40),
    "white": (250, 250, 248),
    "black": (40, 38, 46),
}

COLOUR_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "red": (("red", "crimson", "scarlet"), ("赤い", "真っ赤な", "赤の")),
    "orange": (("orange", "tangerine", "amber"), ("オレンジ色の", "橙色の")),
    "yellow": (("yellow", "golden", "lemon"), ("黄色い", "黄色の")),
    "green": (("green", "emerald", "lime"), ("緑の", "緑色の")),
    "blue": (("blue", "azure", "cobalt"), ("青い", "青の")),
    "purple": (("purple", "violet", "lilac"), ("紫の", "紫色の")),
    "pink": (("pink", "rosy", "bubblegum"), ("ピンクの", "桃色の")),
    "brown": (("brown", "chocolate", "chestnut"), ("茶色い", "茶色の")),
    "white": (("white", "snow-white", "ivory"), ("白い", "真っ白な")),
    "black": (("black", "jet-black", "ebony"), ("黒い", "真っ黒な")),
}

SUBJECT_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cat": (("cat", "kitten", "kitty"), ("猫", "子猫", "ねこ")),
    "fox": (("fox", "vixen"), ("狐", "きつね", "キツネ")),
    "rabbit": (("rabbit", "bunny", "hare"), ("兎", "うさぎ", "ウサギ")),
    "owl": (("owl", "owlet"), ("梟", "ふくろう", "フクロウ")),
    "fish": (("fish", "goldfish"), ("魚", "さかな")),
    "butterfly": (("butterfly", "moth"), ("蝶", "ちょう", "蝶々")),
    "flower": (("flower", "blossom", "daisy"), ("花", "お花")),
    "mushroom": (("mushroom", "toadstool"), ("茸", "きのこ", "キノコ")),
    "tree": (("tree", "oak"), ("木", "樹")),
    "house": (("house", "cottage", "home"), ("家", "一軒家")),
    "castle": (("castle", "fortress", "palace"), ("城", "お城")),
    "car": (("car", "automobile"), ("車", "自動車")),
    "boat": (("boat", "sailboat", "sailing boat"), ("舟", "ヨット", "船")),
    "rocket": (("rocket", "spaceship", "rocket ship"), ("ロケット", "宇宙船")),
    "balloon": (("balloon", "hot-air balloon", "hot air balloon"), ("気球", "熱気球")),
    "apple": (("apple",), ("林檎", "りんご", "リンゴ")),
    "umbrella": (("umbrella", "parasol"), ("傘", "かさ")),
    "star": (("star",), ("星", "お星さま")),
    "heart": (("heart", "love heart"), ("ハート", "心臓")),
}

PLACE_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "meadow": (
        ("in a meadow", "on a sunny day", "in the grass", "on a green hill"),
        ("草原の", "晴れた日の", "草むらの"),
    ),
    "night": (("at night", "after dark", "in the moonlight", "under the moon"), ("夜の", "月夜の")),
    "sunset": (("at sunset", "at dusk", "in the evening sun"), ("夕焼けの", "夕暮れの")),
    "snow": (("in the snow", "in winter", "on a snowy day"), ("雪の中の", "冬の", "雪の")),
    "forest": (("in a forest", "in the woods", "among the trees"), ("森の中の", "森の")),
    "sea": (("by the sea", "on the beach", "at the seaside", "by the ocean"), ("海辺の", "海の")),
    "rain": (("in the rain", "on a rainy day", "under grey clouds"), ("雨の中の", "雨の")),
    "city": (("in a city", "in the street", "in town", "downtown"), ("街の", "都会の", "町の")),
}

STYLE_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flat": (
        ("flat style", "flat illustration", "cartoon", "flat colours", "sticker"),
        ("フラットなイラスト", "イラスト"),
    ),
    "sketch": (
        ("sketch", "pencil sketch", "pencil drawing", "hand-drawn sketch"),
        ("スケッチ", "鉛筆画"),
    ),
    "neon": (("neon", "neon lights", "glowing neon", "neon sign"), ("ネオン", "ネオンサイン")),
}
