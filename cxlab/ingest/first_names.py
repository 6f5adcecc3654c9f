"""Frequent first names: a column in which a fifth of the cells begins with one holds names."""

from __future__ import annotations

from typing import Final

_LISTED: Final = """
ahmet albert alex alexander alexandra alfred ali alice alina amelie ana andrea andreas andrew angela
angelika anja anke ann anna anne annette anton antonio astrid ayse barbara bastian beate ben bernd
bernhard bettina bianca birgit brigitte carla carlos carmen caroline catherine charles charlotte chris
christa christian christiane christina christine christoph christopher clara claude claudia daniel daniela
david dennis diana dieter dirk dominik doris edith elena elisabeth elizabeth elke ella emil emily emma
erich erika ernst eva fabian fatma felix florian francesca francesco francois frank franz franziska
friedrich fritz gabi gabriele gareth georg george gerd gerhard gertrud gisela giulia giuseppe guenter
guenther gunter hakan hannah hannelore hans harald harry hasan heidi heike heiko heinrich heinz helga
helmut henry herbert hermann horst hugo huseyin ilse ines ingo ingrid irene isabel jack jacques jakob
james jan jana jane janina jason javier jean jennifer jens jessica joachim joan joao joerg johanna
johannes john jonas jorg jose josef juan juergen julia julian jurgen karin karl katarzyna katharina
kathrin katja katrin kerstin kevin klara klaus konrad kristin krzysztof lara laura lea lena leon leonie
lisa lorenzo louis louise luca lucas lucia luis luisa lukas magdalena maja manfred manuel manuela marc
marcel marco marek maria marie mario marion mark markus marlene marta martin martina mary mathias matteo
matthew matthias max maximilian mehmet melanie mia michael michaela michel miguel mohamed mohammed monika
monique moritz murat mustafa nadine natalie nicholas nicolas nicole niklas nina norbert olaf oliver olivia
otto patricia patrick paul paula pedro peter petra philip philipp pierre piotr rainer ralf ralph rebecca
reinhard renate richard rita robert roberto roland rolf rosa rudolf ruth sabine sandra sara sarah
sebastian silke silvia simon simone sofia sonja sophia sophie stefan stefanie steffen stephan stephanie
steven susan susanne sven svenja tanja teresa thomas thorsten tim timo tobias tom torsten udo ulrich
ulrike ursula ute uwe valentina vanessa vera verena veronika victor viktor volker walter werner wilhelm
william wolfgang yasmin yusuf zeynep
"""
#: Of Germany, Britain, France, Italy, Spain, Poland and Turkey; small letters, no accents.
FIRST_NAMES: Final = frozenset(_LISTED.split())
