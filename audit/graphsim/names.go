package graphsim

import "strings"

// A name is one part of a person's name, as it is shown and as it stands in a
// user principal name (lower-case ASCII).
type name struct{ shown, ascii string }

// A culture is a stock of given names and family names that go together. The
// family names are invented from words, so that no combination is meant to be
// anybody.
type culture struct {
	language    string
	familyFirst bool
	separator   string
	// key and phone are what people call their passkeys, beside English words.
	key, phone   string
	given        []name
	family       []name
	familyByText map[string]int
}

// A nameTable gives each user a name, and finds the user again by it. The names
// of all cultures form one range of combinations; the first users each get a
// combination of their own, in shuffled order, and later ones the same again
// with a number behind it.
type nameTable struct {
	cultures []culture
	starts   []int
	total    int
	order    permutation
	byGiven  map[string][2]int
}

func newNameTable(seed uint64) *nameTable {
	t := &nameTable{cultures: cultures(), byGiven: make(map[string][2]int)}
	for i := range t.cultures {
		c := &t.cultures[i]
		t.starts = append(t.starts, t.total)
		t.total += len(c.given) * len(c.family)
		c.familyByText = make(map[string]int, len(c.family))
		for j, n := range c.family {
			c.familyByText[n.ascii] = j
		}
		for j, n := range c.given {
			t.byGiven[n.ascii] = [2]int{i, j}
		}
	}
	t.order = newPermutation(t.total, seed^0x6e616d65)
	return t
}

// of gives the index-th user's culture, given name and family name, and the
// number that follows the name; 1 means none.
func (t *nameTable) of(index int) (c *culture, given, family name, number int) {
	number, rest := index/t.total+1, t.order.forth(index%t.total)
	at := len(t.starts) - 1
	for t.starts[at] > rest {
		at--
	}
	c = &t.cultures[at]
	rest -= t.starts[at]
	return c, c.given[rest/len(c.family)], c.family[rest%len(c.family)], number
}

// find is the inverse of of, for names in ASCII.
func (t *nameTable) find(given, family string, number int) (int, bool) {
	at, ok := t.byGiven[given]
	if !ok || number < 1 {
		return 0, false
	}
	c := &t.cultures[at[0]]
	f, ok := c.familyByText[family]
	if !ok {
		return 0, false
	}
	return (number-1)*t.total + t.order.back(t.starts[at[0]]+at[1]*len(c.family)+f), true
}

// names reads "Zoë/zoe Anna ...": a name without ASCII form is its own.
func names(text string) []name {
	fields := strings.Fields(text)
	list := make([]name, len(fields))
	for i, f := range fields {
		shown, ascii, found := strings.Cut(f, "/")
		if !found {
			ascii = strings.ToLower(shown)
		}
		list[i] = name{shown, ascii}
	}
	return list
}

func cultures() []culture {
	return []culture{
		{language: "en-US", key: "Schlüssel Büro", phone: "Téléphone", separator: " ", given: names(latinGiven), family: names(latinFamily)},
		{language: "uk-UA", key: "Ключ безпеки", phone: "Телефон", separator: " ", given: names(cyrillicGiven), family: names(cyrillicFamily)},
		{language: "el-GR", key: "Κλειδί ασφαλείας", phone: "Τηλέφωνο", separator: " ", given: names(greekGiven), family: names(greekFamily)},
		{language: "ar-SA", key: "مفتاح الأمان", phone: "هاتفي", separator: " ", given: names(arabicGiven), family: names(arabicFamily)},
		{language: "he-IL", key: "מפתח אבטחה", phone: "הטלפון שלי", separator: " ", given: names(hebrewGiven), family: names(hebrewFamily)},
		{language: "ja-JP", key: "セキュリティキー", phone: "スマホ", separator: " ", familyFirst: true, given: names(japaneseGiven), family: names(japaneseFamily)},
		{language: "zh-CN", key: "安全密钥", phone: "手机", familyFirst: true, given: names(chineseGiven), family: names(chineseFamily)},
		{language: "ko-KR", key: "보안 키", phone: "휴대폰", familyFirst: true, given: names(koreanGiven), family: names(koreanFamily)},
		{language: "th-TH", key: "กุญแจความปลอดภัย", phone: "โทรศัพท์", separator: " ", given: names(thaiGiven), family: names(thaiFamily)},
	}
}

const (
	latinGiven = `Alva Anaïs/anais Ágnes/agnes Åsa/asa Beatriz Björn/bjorn Bożena/bozena Çağla/cagla Chloé/chloe
Dávid/david Eilidh Émile/emile Fátima/fatima François/francois Gönül/gonul Håkon/hakon Ingrid Íñigo/inigo Jiří/jiri
João/joao Jürgen/juergen Katarína/katarina Kjell Léa/lea Ľubica/lubica Łukasz/lukasz Mārtiņš/martins Márton/marton
Nadège/nadege Niamh Nuño/nuno Øyvind/oyvind Özge/ozge Pål/pal Renée/renee Ruairí/ruairi Rūta/ruta Sára/sara Seán/sean
Siobhán/siobhan Søren/soren Tomáš/tomas Ümit/umit Věra/vera Wiebke Yağmur/yagmur Zoë/zoe Żaneta/zaneta Anna Ben Clara
Emma Felix Hannah Isaac Julia Kofi Laura Maria Noah Olivia Paul Rosa Samuel Tara Victor Wanda`
	latinFamily = `Aldermoor Ashgrove Bärenstein/baerenstein Birkensø/birkenso Brönnfelt/broennfelt Castelvento
Čedrovský/cedrovsky Dunhollow Eichenrød/eichenrod Elmsworth Fjordvik Forêtbleue/foretbleue Glenmarrow Grünforst/gruenforst
Hafenström/hafenstrom Hollinbrook Îlebrune/ilebrune Jezerník/jezernik Kieferndal Kōwhaigate/kowhaigate Lindenbråten/lindenbraten
Łąkowicz/lakowicz Marédouce/maredouce Moosgärtner/moosgaertner Nieveblanca Nørreskov/norreskov Oakhampstead Olivárez-Río/olivarez-rio
Pedrazul Pinewhistle Quellbrunn Râurece/raurece Rosenhagge Ruohonpää/ruohonpaa Sänkyharju/sankyharju Silverbrook Šumavan/sumavan
Söğütlü/sogutlu Steinmøller/steinmoller Tannenweiß/tannenweiss Thistledown Třešňový/tresnovy Ulmenkamp Valdeseta Veľkohorský/velkohorsky
Vindheim Waldesruhe Wiśniowiec/wisniowiec Yellowmere Zeederduin`
	cyrillicGiven = `Олена/olena Андрій/andrii Марія/mariia Сергій/serhii Наталя/natalia Юрій/yurii Ірина/iryna Богдан/bohdan
Світлана/svitlana Тарас/taras Людмила/liudmyla Іван/ivan Елица/elitsa Стоян/stoyan Милена/milena Драган/dragan`
	cyrillicFamily = `Березовий/berezovyi Вітряний/vitrianyi Дубогай/dubohai Зорепад/zorepad Калинський/kalynskyi Лугова/luhova
Медовий/medovyi Новогір/novohir Осінній/osinnii Полинець/polynets Річковий/richkovyi Снігур-Яр/snihur-yar Тихоліс/tykholis Яблунів/yabluniv`
	greekGiven = `Ελένη/eleni Γιώργος/giorgos Κατερίνα/katerina Νίκος/nikos Σοφία/sofia Δημήτρης/dimitris Άννα-Μαρία/anna-maria
Θανάσης/thanasis Ιωάννα/ioanna Χρήστος/christos`
	greekFamily = `Θαλασσινός/thalassinos Πετρόδεντρος/petrodendros Ανεμόμυλος/anemomylos Λευκοβούνης/lefkovounis Ελαιώνας/elaionas
Καλοκύρης/kalokyris Ροδόπουλος-Αστέρης/rodopoulos-asteris Φεγγάρης/fengaris Χρυσοκάμπης/chrysokampis Ψηλορείτης/psiloreitis`
	arabicGiven  = `ليلى/layla عمر/omar نور/nour يوسف/yousef مريم/maryam خالد/khaled هدى/huda سامي/sami رنا/rana طارق/tariq`
	arabicFamily = `النخيل/alnakhil البحري/albahri القمري/alqamari الزهراوي/alzahrawi السحابي/alsahabi الوردي/alwardi
الجبلي/aljabali النجمي/alnajmi الريحاني/alrayhani الصحراوي/alsahrawi`
	hebrewGiven  = `נועה/noa איתי/itay תמר/tamar יונתן/yonatan שירה/shira אורי/uri מאיה/maya דניאל/daniel-h יעל/yael עידו/ido`
	hebrewFamily = `הר-זית/har-zayit כוכבי/kochavi ים-תכלת/yam-tchelet אלונים/alonim גשמי/gishmi שקדיה/shkedia נחליאל/nachliel
ארזים/arazim סלעית/salit רותמים/rotamim`
	japaneseGiven  = `葵/aoi 陽翔/haruto 結衣/yui 蓮/ren さくら/sakura 大和/yamato 美月/mizuki 颯太/sota 凛/rin ひなた/hinata 悠真/yuma 楓/kaede`
	japaneseFamily = `星見川/hoshimigawa 月森/tsukimori 青嶺/aomine 霧島谷/kirishimadani 桜庭野/sakurabano 風祭原/kazamatsuribara
雪代/yukishiro 緑ヶ丘/midorigaoka 海野辺/uminobe 朝霞田/asakasumida 夕凪/yunagi 白樺/shirakaba`
	chineseGiven  = `晓雨/xiaoyu 明轩/mingxuan 思远/siyuan 静怡/jingyi 浩然/haoran 若兰/ruolan 子墨/zimo 雅婷/yating 志强/zhiqiang 嘉欣/jiaxin`
	chineseFamily = `云/yun 星/xing 竹/zhu 山/shan 海/hai 柏/bai 松/song 雪/xue 石/shi 花/hua`
	koreanGiven   = `서연/seoyeon 민준/minjun 지우/jiwoo 하은/haeun 도윤/doyun 수아/sua 예준/yejun 다은/daeun 시우/siwoo 채원/chaewon`
	koreanFamily  = `별/byeol 구름/gureum 하늘/haneul 바다/bada 달빛/dalbit 나루/naru 솔숲/solsup 들녘/deulnyeok 가람/garam 한울/hanul`
	thaiGiven     = `สมใจ/somjai อรุณ/arun มาลี/malee กิตติ/kitti ดารา/dara ชัยวัฒน์/chaiwat นภา/napa ปิยะ/piya รัตนา/rattana วิชัย/wichai`
	thaiFamily    = `ฟ้าคราม/fakhram ทองธารา/thongthara จันทร์ฉาย/chanchai ป่าสน/pason ดาวเรือง/daoruang ลมเย็น/lomyen น้ำใส/namsai
ภูผา/phupha ใบไม้/baimai แสงเช้า/saengchao`
)
