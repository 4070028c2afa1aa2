/* Passwords of eight and more characters that head every published list, and what is typed first in China. Compared
 * without case. A longer list is the deployment's to configure. */
#pragma once

static const char *const common_passwords[] = {
    "0123456789", "01234567", "11112222", "11223344", "112233445566", "123123123", "123321123", "123454321",
    "12345678", "123456789", "1234567890", "12345678a", "12345678abc", "123456abc", "123456abcd", "123456aa",
    "123456789a", "123456789abc", "1234qwer", "123654789", "123qweasd", "123qweasdzxc", "12341234", "1234abcd",
    "135792468", "147258369", "14789632", "159357123", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "1qaz2wsx3edc",
    "1qazxsw2", "31415926", "31415926535", "369258147", "520131400", "5201314520", "55555555a", "7758521521",
    "77585210", "789456123", "87654321", "88888888a", "963852741", "98765432", "987654321", "9876543210",
    "a1234567", "a12345678", "a123456789", "a1b2c3d4", "aa123456", "aa123456789", "aaa123456", "aa12345678",
    "abc12345", "abc123456", "abc123456789", "abc123abc", "abcd1234", "abcd123456", "abcdefgh", "abcdefg1",
    "access14", "admin123", "admin1234", "admin12345", "admin123456", "admin@123", "adminadmin", "administrator",
    "alexander", "asd123456", "asdasdasd", "asdf1234", "asdfasdf", "asdfghjk", "asdfghjkl", "baseball", "basketball",
    "beijing2008", "blink182", "butterfly", "changeme", "changeme1", "charlie1", "chocolate", "computer", "danielle",
    "dearbook", "dragon123", "elephant", "facebook", "football", "football1", "footbal1", "freedom1", "hello123",
    "hello1234", "helloworld", "iloveyou", "iloveyou1", "iloveyou2", "ilovechina", "internet", "jennifer", "jessica1",
    "jiangxi123", "juxin123", "juxin1234", "juxin123456", "letmein1", "letmein123", "liverpool", "login123", "lovelove",
    "master123", "michelle", "microsoft", "mima1234", "mima123456", "monkey123", "mustang1", "ncc1701d", "nicholas",
    "p@55w0rd", "p@ssw0rd", "p@ssword", "p@ssword1", "pass1234", "passw0rd", "passw0rd1", "password", "password!",
    "password01", "password1", "password1!", "password12", "password123", "password1234", "password2", "patricia",
    "pokemon1", "princess", "princess1", "q1w2e3r4", "q1w2e3r4t5", "qazwsx123", "qazwsxedc", "qazwsxed", "qq123456",
    "qq123456789", "qwe123456", "qweasdzxc", "qwer1234", "qwerasdf", "qwert123", "qwerty12", "qwerty123", "qwerty1234",
    "qwerty12345", "qwertyui", "qwertyuiop", "rootroot", "root1234", "root123456", "samantha", "scorpion", "security",
    "shanghai2010", "spiderman", "starwars", "startrek", "steelers", "sunshine", "sunshine1", "superman", "superman1",
    "support1", "swordfish", "system123", "test1234", "test12345", "test123456", "testtest", "trustno1", "victoria",
    "w123456789", "wang123456", "welcome1", "welcome123", "welcome@123", "whatever", "woaini123", "woaini1314",
    "woaini520", "woaini5201314", "woaiwojia", "wojiushiwo", "wwwwwwww1", "xiaoming", "xiaoxiao", "yangyang", "z123456789",
    "zaq12wsx", "zaq1zaq1", "zhang123", "zhang123456", "zhongguo", "zxc123456", "zxcvbnm1", "zxcvbnm123", "zxcvbnma",
    "zxcvbnmn", "zz123456", "zzzzzzzz1",
};
