"""The words of a prompt: the English and the Japanese words for every part of a scene.

The first word of each list is the plainest.
"""

RGB = tuple[int, int, int]

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
    "turquoise": (44, 196, 190),
    "grey": (142, 144, 152),
}

NATURAL: dict[str, tuple[str, ...]] = {
    "cat": ("orange", "grey"),
    "dog": ("brown",),
    "fox": ("orange",),
    "rabbit": ("white",),
    "bear": ("brown",),
    "horse": ("brown",),
    "elephant": ("grey", "blue"),
    "pig": ("pink",),
    "sheep": ("white",),
    "deer": ("brown",),
    "lion": ("yellow",),
    "bird": ("blue",),
    "owl": ("brown",),
    "duck": ("yellow",),
    "penguin": ("black",),
    "fish": ("orange",),
    "whale": ("blue",),
    "turtle": ("green",),
    "snail": ("brown",),
    "butterfly": ("orange", "blue"),
    "crab": ("red",),
    "flower": ("pink", "yellow"),
    "tulip": ("red",),
    "mushroom": ("red",),
    "tree": ("green",),
    "pine": ("green",),
    "cactus": ("green",),
    "house": ("white", "red"),
    "castle": ("grey", "white"),
    "lighthouse": ("red",),
    "windmill": ("white",),
    "tent": ("orange", "green"),
    "car": ("red",),
    "bus": ("red", "yellow"),
    "train": ("black",),
    "boat": ("white", "red"),
    "rocket": ("white", "red"),
    "balloon": ("red",),
    "plane": ("white",),
    "bicycle": ("blue",),
    "apple": ("red", "green"),
    "pear": ("green", "yellow"),
    "cake": ("pink",),
    "icecream": ("pink", "white"),
    "cup": ("white",),
    "umbrella": ("red",),
    "lamp": ("yellow",),
    "hat": ("black",),
    "robot": ("grey", "blue"),
    "snowman": ("red", "blue"),
    "ghost": ("white",),
    "star": ("yellow",),
    "heart": ("red",),
    "moon": ("yellow",),
    "sun": ("yellow",),
    "cloud": ("white",),
}
"""The colours that a subject has where nobody asks for one."""

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
    "turquoise": (("turquoise", "teal", "cyan"), ("水色の", "青緑の")),
    "grey": (("grey", "gray", "ash-grey"), ("灰色の", "グレーの")),
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
    "dog": (("dog", "puppy", "hound"), ("犬", "子犬", "いぬ")),
    "bird": (("bird", "songbird", "robin"), ("鳥", "小鳥", "ことり")),
    "duck": (("duck", "duckling"), ("家鴨", "あひる", "アヒル")),
    "penguin": (("penguin",), ("ペンギン",)),
    "bear": (("bear", "teddy bear", "teddy"), ("熊", "くま", "クマ")),
    "whale": (("whale",), ("鯨", "くじら", "クジラ")),
    "turtle": (("turtle", "tortoise"), ("亀", "かめ", "カメ")),
    "snail": (("snail",), ("蝸牛", "かたつむり", "カタツムリ")),
    "crab": (("crab",), ("蟹", "かに", "カニ")),
    "elephant": (("elephant",), ("象", "ぞう", "ゾウ")),
    "cactus": (("cactus",), ("サボテン", "さぼてん")),
    "pine": (("pine", "fir", "fir tree"), ("松", "樅の木")),
    "tulip": (("tulip",), ("チューリップ",)),
    "lighthouse": (("lighthouse",), ("灯台",)),
    "windmill": (("windmill", "mill"), ("風車",)),
    "tent": (("tent",), ("テント",)),
    "train": (("train", "steam train", "locomotive"), ("汽車", "電車", "機関車")),
    "bus": (("bus", "coach"), ("バス",)),
    "plane": (("plane", "aeroplane", "airplane"), ("飛行機",)),
    "bicycle": (("bicycle", "bike"), ("自転車",)),
    "pear": (("pear",), ("梨", "洋梨")),
    "cake": (("cake", "birthday cake"), ("ケーキ",)),
    "icecream": (("ice cream", "ice-cream cone"), ("アイスクリーム", "アイス")),
    "cup": (("cup", "mug", "cup of coffee"), ("カップ", "コップ")),
    "lamp": (("lamp", "table lamp"), ("ランプ", "電気スタンド")),
    "hat": (("hat", "top hat"), ("帽子",)),
    "robot": (("robot", "android"), ("ロボット",)),
    "moon": (("moon", "crescent moon", "crescent"), ("三日月", "お月さま")),
    "sun": (("sun", "shining sun"), ("太陽", "お日さま")),
    "cloud": (("cloud",), ("雲",)),
    "snowman": (("snowman",), ("雪だるま",)),
    "ghost": (("ghost", "phantom"), ("幽霊", "お化け")),
    "horse": (("horse", "pony", "stallion"), ("馬", "うま", "ウマ")),
    "pig": (("pig", "piglet", "piggy"), ("豚", "ぶた", "ブタ")),
    "sheep": (("sheep", "lamb"), ("羊", "ひつじ", "ヒツジ")),
    "deer": (("deer", "stag"), ("鹿", "しか", "シカ")),
    "lion": (("lion",), ("獅子", "らいおん", "ライオン")),
}

PLACE_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "meadow": (
        ("in a meadow", "on a sunny day", "in the grass", "on a green hill"),
        ("草原の", "晴れた日の", "草むらの"),
    ),
    "night": (("at night", "after dark", "at midnight"), ("夜の", "夜空の")),
    "sunset": (("at sunset", "at dusk", "in the evening sun"), ("夕焼けの", "夕暮れの")),
    "snow": (("in the snow", "in winter", "on a snowy day"), ("雪の中の", "冬の", "雪の")),
    "forest": (("in a forest", "in the woods", "among the trees"), ("森の中の", "森の")),
    "sea": (("by the sea", "on the beach", "at the seaside", "by the ocean"), ("海辺の", "海の")),
    "rain": (("in the rain", "on a rainy day", "under grey clouds"), ("雨の中の", "雨の")),
    "city": (("in a city", "in the street", "in town", "downtown"), ("街の", "都会の", "町の")),
    "stars": (("under the stars", "in space", "in outer space"), ("星空の", "宇宙の")),
    "desert": (("in the desert", "among the dunes"), ("砂漠の", "砂丘の")),
    "mountains": (("in the mountains", "among the peaks"), ("山の", "山々の")),
    "underwater": (("underwater", "under water", "deep in the ocean"), ("水中の", "海の中の")),
    "autumn": (("in autumn", "among falling leaves", "in the fall"), ("秋の", "紅葉の")),
    "room": (("in a room", "indoors", "at home"), ("部屋の", "室内の")),
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
    "pixel": (("pixel art", "8-bit", "pixelated"), ("ドット絵", "ピクセルアート")),
    "watercolour": (("watercolour", "watercolor painting", "aquarelle"), ("水彩", "水彩画")),
    "glass": (("stained glass", "stained-glass window"), ("ステンドグラス",)),
}

SIZE_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "small": (("small", "tiny", "little"), ("小さな", "小さい")),
    "medium": (("",), ("",)),
    "large": (("large", "big", "huge"), ("大きな", "大きい")),
}

COUNT_WORDS: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {
    2: (("two", "a pair of"), ("二つの", "2つの", "二匹の", "2匹の")),
    3: (("three", "a trio of"), ("三つの", "3つの", "三匹の", "3匹の")),
}

# In English the relation stands between the two things; in Japanese it follows the second one.
RELATION_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "beside": (("beside", "next to", "by the side of"), ("の隣の", "の横の")),
    "on": (("on", "on top of", "sitting on", "standing on"), ("の上の", "の上に乗った")),
    "in front of": (("in front of", "before"), ("の前の", "の手前の")),
}

SKY_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "moon": (
        ("with a moon", "with the moon", "in the moonlight", "under the moon"),
        ("月の出た", "月夜の"),
    ),
    "sun": (("with the sun", "under the sun"), ("太陽の出た",)),
    "clouds": (("with clouds", "under clouds", "cloudy"), ("曇りの",)),
    "rainbow": (("with a rainbow", "under a rainbow"), ("虹の出た")),
}

SEVERAL_WORDS: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("some", "several", "a few"),
    ("いくつかの", "たくさんの"),
)
"""For two or three things."""

PLACE_TAGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "meadow": (("meadow", "field", "grassland", "countryside"), ("草原", "野原")),
    "night": (("night", "midnight", "night sky"), ("夜", "夜空")),
    "sunset": (("sunset", "dusk", "evening"), ("夕焼け", "夕方")),
    "snow": (("snow", "winter", "snowy"), ("雪", "冬")),
    "forest": (("forest", "woods", "woodland"), ("森", "森林")),
    "sea": (("sea", "beach", "ocean", "seaside"), ("海", "海辺", "浜辺")),
    "rain": (("rain", "rainy", "storm"), ("雨", "雨の日")),
    "city": (("city", "town", "street", "skyscrapers"), ("街", "都会")),
    "stars": (("space", "outer space", "galaxy", "starry"), ("宇宙", "星空")),
    "desert": (("desert", "dunes", "sand"), ("砂漠",)),
    "mountains": (("mountains", "mountain", "alps"), ("山", "山脈")),
    "underwater": (("underwater", "under the sea", "seabed"), ("水中", "海底")),
    "autumn": (("autumn", "fall leaves", "autumn leaves"), ("秋", "紅葉")),
    "room": (("room", "living room", "bedroom", "indoors"), ("部屋", "室内")),
}
"""The same places as a word between commas."""

OPENINGS: tuple[str, ...] = (
    "a picture of", "a drawing of", "an image of", "a painting of", "draw", "draw me", "show me",
    "please draw", "i want", "can you draw", "make",
)  # fmt: skip
FILLERS: tuple[str, ...] = (
    "cute", "beautiful", "highly detailed", "pretty", "masterpiece", "lovely", "4k", "8k", "happy",
    "best quality", "trending", "cinematic", "fantasy", "dreamy", "adorable", "minimal", "colorful",
    "wonderful", "magic", "epic", "soft light", "high resolution", "digital art", "old", "new",
    "funny", "nice", "sad", "strange", "very", "smiling", "fluffy", "sweet", "award winning",
)  # fmt: skip
"""Words that a picture cannot show, or that no scene does: they have no effect."""

_BRIGHT = ("sun", "sun", "clouds", "rainbow", "")
SKIES: dict[str, tuple[str, ...]] = {
    "meadow": _BRIGHT,
    "sea": _BRIGHT,
    "desert": ("sun", "sun", "clouds", ""),
    "mountains": ("sun", "clouds", "rainbow", ""),
    "night": ("moon", "moon", "", ""),
}
"""What the sky of a place may show, and captions may name; nothing where it is empty."""
