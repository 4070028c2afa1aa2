# Texts for a JSON reader (RFC 8259), in the classes of the public suite JSONTestSuite, which no Debian package carries:
# y_ must be accepted, n_ must be refused, i_ is left to the reader, but it must survive. cases() yields (name, bytes).
#
# Numbers and strings are sent as the one value of an array, as in that suite; some also stand alone or in an object.


def in_array(texts):
    return [b"[" + t + b"]" for t in texts]


def in_object(texts):
    return [b'{"a":' + t + b"}" for t in texts]


def quoted(texts):
    return in_array([b'"' + t + b'"' for t in texts])


GOOD_NUMBERS = [
    b"0", b"-0", b"1", b"-1", b"-123", b"123", b"20", b"123e65", b"0e+1", b"0e1", b"0E1", b"1e+2", b"1E+2", b"1e-2",
    b"1E-2", b"1E22", b"1e22", b"123.456e78", b"123.456789", b"-0.0", b"-0.0e-0", b"0.5", b"-0.5", b"1.0", b"1.50e1",
    b"-0." + b"0" * 76 + b"1", b"9007199254740993", b"-9007199254740993", b"9223372036854775807",
    b"-9223372036854775808", b"1" * 18, b"0." + b"1" * 200, b"1e308", b"-1e308", b"4.9e-324", b"1e-400", b" 4", b"4 "]

GOOD_STRINGS = [
    b"", b"asd", b"a ", b" a", b"\\u0060\\u012a\\u12AB", b"\\uD801\\udc37", b"\\ud83d\\ude39\\ud83d\\udc8d",
    b"\\\"\\\\\\/\\b\\f\\n\\r\\t", b"\\\\u0000", b"\\\"", b"a/*b*/c/*d//e", b"\\\\a", b"\\\\n", b"\\u0012",
    b"\\uFFFF", b"\\uDBFF\\uDFFF", b"\\u0123", b"\\u00e9", b"\\u0821", b"\\u2028\\u2029", b"\\u005C", b"\\u0022",
    b"\\uA66D", b"\\u200B", b"\\u2064", b"\\uFDD0", b"\\uFFFE", b"\\uD83F\\uDFFE", b"\\uDBFF\\uDFFE",
    b"\\u0061\\u30af\\u30EA\\u30b9", b"\\u0000", b"a\\u0000b", b"new\\u000Aline", b"\x7f", b"a\x7fa", "é".encode(),
    "€𝄞".encode(), "⍂㈴⍂".encode(), "\U0010ffff".encode(), "\uffff".encode(), "\ufdd0".encode(), "\u2028".encode(),
    "\u2029".encode(), "\u2060".encode(), "\U0001bfff".encode(), "聚新".encode(), "\u00a0".encode(), "\ufeff".encode(),
    b"'", b"[,]{:}", b"nul", b"//", b"#"]

GOOD_TEXTS = [
    b"[]", b"{}", b"[[]   ]", b"[[[]]]", b'[""]', b'["a"]', b"[false]", b"[null]", b"[true]", b'[null, 1, "1", {}]',
    b"[1\n]", b" [1]", b"[1] ", b"[1,null,null,null,2]", b"[2] \n\t\r", b" [] ", b"\n[\r\t]\n", b'{"":0}',
    b'{"a":[]}', b'{"a":{}}', b'{"asd":"sdf"}', b'{"asd":"sdf", "dfg":"fgh"}', b'{"a":"b","a":"c"}',
    b'{"a":"b","a":"b"}', b'{"foo\\u0000bar": 42}', b'{"min": -1.0e+28, "max": 1.0e+28}',
    b'{"a":{"b":{"c":[1,{"d":null}]}}}', b'{"\\u041f\\u043e": "\\u0417"}', b'{"a": 1,\n"b": 2\n}',
    b'{ "a" : 1 , "b" : [ ] }', b'{"a":"' + b"x" * 40000 + b'"}', b"[" + b",".join([b"1"] * 5000) + b"]",
    b"[" * 32 + b"]" * 32, b'{"a":' * 32 + b"1" + b"}" * 32, b"false", b"true", b"null", b"42", b"-0.1", b'"asd"',
    b'""', b" null ", b'"asd"\n', b"\t\n\r 1"]

BAD_NUMBERS = [
    b"+1", b"++1234", b"+Inf", b"-01", b"-1.0.", b"-2.", b"-NaN", b".-1", b".2e-3", b"0.1.2", b"0.3e+", b"0.3e",
    b"0.e1", b"0_capital", b"0E+", b"0E", b"0e+", b"0e", b"1.0e+", b"1.0e-", b"1.0e", b"1 000.0", b"1eE2", b"2.e+3",
    b"2.e-3", b"2.e3", b"9.e+", b"Inf", b"NaN", "１".encode(), b"1+2", b"0x1", b"0x42", b"Infinity", b"0e+-1",
    b"-123.123foo", b"-Infinity", b"-foo", b"- 1", b"-012", b"-.123", b"-1x", b"1ea", b"1.", b".123", b"1.2a-3",
    b"1.8011670033376514H-308", b"012", b"00", b"0a", b"1e1.5", b"--1", b"1-", b"-", b"+", b".", b"e1", b"1_000",
    b"1,2.", b"0b1", b"0o7", b"1f", b"1L", b"-00.0", b"-00e0", b"00.0", b"00e0", b"\xef\xbc\x91", b"0\xe5",
    b"1e1\xe5", b"123\xe5"]

BAD_STRINGS = [
    b'"\\uD800\\"', b'"\\uD800\\u"', b'"\\uD800\\u1"', b'"\\uD800\\u1x"', b'["', b'"\\x00"', b'"\\\\\\"', b'"\\\t"',
    b'"\\\xf0\x9f\x8c\x80"', b'"\\"', b'"\\u00A"', b'"\\uD834\\uDd"', b'"\\uD800\\uD800\\x"', b'"\\u\xe5"', b'"\\a"',
    b'"\\uqqqq"', b'"\\\xe5"', b"\\u0020\"asd\"", b"\\n", b'"', b"'single quote'", b"abc", b'"\\', b'"a\x00a"',
    b'"new\nline"', b'"\t"', b'"\\UA66D"', b'"\\u{61}"', b'"\\08"', b'"\\e"', b'"\\\'"', b'"a\rb"', b'"\x1f"',
    b'"a" "b"', b'"a"x', b'x"a"', b"`a`", "“a”".encode(), b'"\\u 061"', b'"\\u-061"', b'"\\u+061"', b'"\\x61"',
    b'"\\0"', b'"a\\']

BAD_TEXTS = [
    b"", b"[1 true]", b'["": 1]', b'[""],', b"[,1]", b"[1,,2]", b'["x",,]', b'["x"]]', b'["",]', b'["x"', b"[x", b"[3[4]]",
    b"[1:2]", b"[,]", b"[-]", b"[   , \"\"]", b'["a",\n4\n,1,', b"[1,]", b"[1,,]", b'["\x0ba"\\f]', b"[*]", b'[""',
    b"[1,", b"[1,\n1\n,1", b"[{}", b"[fals]", b"[nul]", b"[tru]", b"[TRUE]", b"[True]", b"[NULL]", b"[nan]",
    b"[undefined]", b"[a\xe5]", b"[\xff]", b'["x", truth]', b"{[: \"x\"}", b'{"x", null}', b'{"x"::"b"}',
    "{🇨🇭}".encode(), b'{"a":"a" 123}', b"{key: 'value'}", b'{"\xb9":"0",}', b'{"a" b}', b'{:"b"}', b'{"a" "b"}',
    b'{"a":', b'{"a"', b"{1:1}", b"{9999E9999:1}", b"{null:null,null:null}", b'{"id":0,,,,,}', b"{'a':0}",
    b'{"id":0,}', b'{"a":"b"}/**/', b'{"a":"b"}/**//', b'{"a":"b"}//', b'{"a":"b"}/', b'{"a":"b",,"c":"d"}',
    b'{a: "b"}', b'{"a":"a', b'{ "foo" : "bar", "a" }', b'{"a":"b"}#', b"{,}", b"{,\"a\":1}", b'{"a":1 "b":2}',
    b'{"a":1;"b":2}', b'{"a"=1}', b'{"a":}', b'{"a":,}', b'{"a"}', b"{1}", b"{true:1}", b"{[]:1}", b'{"a":1}}', b" ",
    b"\n\t\r ", b"<.>", b"[<null>]", b"[1]x", b"[1]]", b'["asd]', b"a\xcc\x8a", b"[True]", b"1]", b'{"x": true,',
    b"[][]", b"]", b"}", b"\xef\xbb{}", b"\xe5", b"[", b"123\x00", b"2@", b"{}}", b'{"":', b'{"a":/*comment*/"b"}',
    b'{"a": true} "x"', b"['", b"[,", b"[{", b'["a', b'["a"', b"{", b"{]", b"{,", b"{[", b'{"a', b"{'a'",
    b'["\\{["\\{["\\{["\\{', b"*", b'{"a":"b"}#{}', b"[\\u000A\"\"]", b"[1", b'[ false, nul', b"[ true, fals",
    b"[ false, tru", b'{"asd":"asd"', "å".encode(), "[\u2060]".encode(), b"\xef\xbb\xbf", b"[\x0c]", b"[\x0b]",
    b"[\x00]", "[\u00a0]".encode(), "\u3000[]".encode(), b"[]\x00", b"\x00[]", b"// c\n[]", b"[] // c", b"[1/*c*/]",
    b"# c\n[]", b"<html>", b"a=1", b"---\n- 1", b"{} {}", b"1 2", b"nulll", b"truefalse", b"[nulltrue]", b"t", b"(1)",
    b"[1;2]", b"[" * 100000, b'[{"":' * 20000]

# Beyond what is held; halves of surrogate pairs and ill-formed UTF-8; other encodings, a byte order mark, depth, size.
ODD_NUMBERS = [
    b"123.456e-789", b"0.4e" + b"0" * 60 + b"9969999999006", b"-1e+9999", b"1.5e+9999", b"-123123e100000",
    b"123123e100000", b"123e-10000000", b"-123123123123123123123123123123", b"100000000000000000000",
    b"-237462374673276894279832749832423479823", b"9223372036854775808", b"-9223372036854775809",
    b"18446744073709551616", b"1e309", b"9" * 400, b"1" + b"0" * 400]
ODD_STRINGS = [
    b"\\uDADA", b"\\uD888\\u1234", b"\\uD800\\n", b"\\uDd1ea", b"\\uD800\\uD800\\n", b"\\ud800", b"\\ud800abc",
    b"\\uDd1e\\uD834", b"\\uDFAA", b"\xe6\x97\xa5\xd1\x88\xfa", b"\xed\xa0\x80", b"\xff", b"\xf4\xbf\xbf\xbf",
    b"\xe0\xff", b"\xfc\x80\x80\x80\x80\x80", b"\x81", b"\xc0\xaf", b"\xfc\x83\xbf\xbf\xbf\xbf", b"\xf0\x80\x80\xaf",
    b"\xe9", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"]
ODD_TEXTS = [
    '["é"]'.encode("utf-16"), '["é"]'.encode("utf-16-le"), '["é"]'.encode("utf-16-be"), '["é"]'.encode("utf-32"),
    b"\xef\xbb\xbf{}", b"\xef\xbb\xbf[]", b"[" * 33 + b"]" * 33, b"[" * 500 + b"]" * 500,
    b'{"a":' * 33 + b"1" + b"}" * 33, b'{"a":' * 500 + b"1" + b"}" * 500, b'{"\\uDFAA":0}',
    b"[" + b"{}," * 60000 + b"{}]", b"[" + b"1," * 120000 + b"1]"]

CLASSES = {
    "y_number": in_array(GOOD_NUMBERS), "y_number_alone": GOOD_NUMBERS[:12], "y_string": quoted(GOOD_STRINGS),
    "y_member": in_object([b'"' + s + b'"' for s in GOOD_STRINGS[:12]]), "y_text": GOOD_TEXTS,
    "n_number": in_array(BAD_NUMBERS), "n_number_member": in_object(BAD_NUMBERS[:20]),
    "n_string": in_array(BAD_STRINGS), "n_text": BAD_TEXTS,
    "i_number": in_array(ODD_NUMBERS), "i_string": quoted(ODD_STRINGS), "i_text": ODD_TEXTS}


def cases():
    for name, texts in CLASSES.items():
        for number, text in enumerate(texts, 1):
            yield f"{name}_{number}", text
