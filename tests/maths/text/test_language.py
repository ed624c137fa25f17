import pytest

from assay.maths.text.language import detect_language


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "How many apples are in the box if she eats three of the eight?"),
        ("de", "Wie viele Äpfel sind im Korb, wenn sie drei von den acht isst?"),
        ("fr", "Combien de pommes sont dans la boîte si elle en mange trois sur les huit ?"),
        ("es", "¿Cuántas manzanas hay en la caja si se come tres de las ocho que son de Ana?"),
        ("pt", "Quantas maçãs estão na caixa se ela come três das oito que são de Ana?"),
        ("it", "Quante mele sono nella scatola se ne mangia tre delle otto che ha la sorella di Anna?"),
        ("nl", "Hoeveel appels zijn er in de doos als zij drie van de acht appels eet?"),
        ("ru", "Сколько яблок осталось в коробке, если она съела три из восьми?"),
        ("zh", "一个盒子里有八个苹果，吃了三个，还剩几个？"),
        ("ja", "箱の中にりんごが八個あります。三個食べました。残りは何個ですか。"),
        ("ko", "상자에 사과가 여덟 개 있습니다. 세 개를 먹었습니다. 몇 개가 남았습니까?"),
        ("ar", "كم عدد التفاحات في الصندوق؟"),
        ("hi", "डिब्बे में कितने सेब हैं?"),
    ],
)
def test_a_word_problem_is_in_its_language(code, text):
    assert detect_language(text) == code


@pytest.mark.parametrize(
    "text", ["", "   ", "$x^2 = 4$", "2 + 2", "\\sqrt{2} \\cdot 3", "Simplify $x$.", "🙂", "ＡＢ", "x" * 1_000_000]
)
def test_signs_and_single_words_have_no_language(text):
    assert detect_language(text) == "und"


def test_formulas_do_not_vote():
    assert detect_language("Найдите все x, если $the of and is are with that$ и это не число.") == "ru"


@pytest.mark.parametrize(
    "text",
    [
        "Simplify $\\frac{3^4+3^2}{3^3-3}$  . Express your answer as a common fraction.",
        "At Frank's Fruit Market, 3 bananas cost as much as 2 apples, and 6 apples cost as much as 4 oranges.",
        "House C cost twice as much as House A.",
    ],
)
def test_an_english_problem_full_of_as_is_not_portuguese(text):
    assert detect_language(text) in ("en", "und")
