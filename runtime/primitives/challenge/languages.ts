import { qualityOf } from "../../http/accept.ts";
import { splitParameters } from "../../http/field-syntax.ts";

/** What the pages say, in one language. */
export interface PageTexts {
  readonly title: string;
  /** What happens and why. */
  readonly intro: string;
  readonly working: string;
  readonly done: string;
  readonly failed: string;
  readonly goOn: string;
  readonly noScript: string;
  readonly again: string;
  readonly refused: string;
  readonly cookies: string;
  readonly postponed: string;
  readonly openPage: string;
}

const EN: PageTexts = {
  title: "One moment, please",
  intro:
    "We are checking that your browser is in order. This takes a few seconds and then goes on by itself.",
  working: "Checking…",
  done: "Done. You are being taken to your page.",
  failed: "The check did not work.",
  goOn: "Continue",
  noScript: "JavaScript is switched off. Wait a few seconds, then you will be taken to your page.",
  again: "Try again",
  refused: "The check is no longer valid.",
  cookies: "Your browser does not keep cookies for this site. Allow them, then try again.",
  postponed:
    "Nothing was sent. Open the check in a new tab, then come back here and reload this page to send your form.",
  openPage: "Open the check",
};

const DE: PageTexts = {
  title: "Einen Moment bitte",
  intro:
    "Wir prüfen, ob mit Ihrem Browser alles in Ordnung ist. Das dauert wenige Sekunden und geht dann von selbst weiter.",
  working: "Prüfung läuft …",
  done: "Fertig. Sie werden zu Ihrer Seite gebracht.",
  failed: "Die Prüfung ist fehlgeschlagen.",
  goOn: "Weiter",
  noScript:
    "JavaScript ist abgeschaltet. Warten Sie einige Sekunden, dann werden Sie zu Ihrer Seite gebracht.",
  again: "Noch einmal versuchen",
  refused: "Die Prüfung gilt nicht mehr.",
  cookies:
    "Ihr Browser behält keine Cookies für diese Website. Erlauben Sie sie und versuchen Sie es noch einmal.",
  postponed:
    "Es wurde nichts gesendet. Öffnen Sie die Prüfung in einem neuen Tab, kommen Sie hierher zurück und laden Sie diese Seite neu, um Ihr Formular zu senden.",
  openPage: "Prüfung öffnen",
};

const FR: PageTexts = {
  title: "Un instant, s’il vous plaît",
  intro:
    "Nous vérifions que votre navigateur est en ordre. Cela prend quelques secondes, puis la suite se fait toute seule.",
  working: "Vérification…",
  done: "C’est fait. Vous allez être dirigé vers votre page.",
  failed: "La vérification a échoué.",
  goOn: "Continuer",
  noScript:
    "JavaScript est désactivé. Attendez quelques secondes, vous serez ensuite dirigé vers votre page.",
  again: "Réessayer",
  refused: "La vérification n’est plus valable.",
  cookies: "Votre navigateur ne garde pas les cookies de ce site. Autorisez-les, puis réessayez.",
  postponed:
    "Rien n’a été envoyé. Ouvrez la vérification dans un nouvel onglet, puis revenez ici et rechargez cette page pour envoyer votre formulaire.",
  openPage: "Ouvrir la vérification",
};

const ES: PageTexts = {
  title: "Un momento, por favor",
  intro:
    "Estamos comprobando que su navegador está en orden. Tarda unos segundos y después continúa por sí solo.",
  working: "Comprobando…",
  done: "Listo. Le llevamos a su página.",
  failed: "La comprobación ha fallado.",
  goOn: "Continuar",
  noScript: "JavaScript está desactivado. Espere unos segundos y le llevaremos a su página.",
  again: "Intentar de nuevo",
  refused: "La comprobación ya no es válida.",
  cookies: "Su navegador no guarda las cookies de este sitio. Permítalas e inténtelo de nuevo.",
  postponed:
    "No se ha enviado nada. Abra la comprobación en una pestaña nueva, vuelva aquí y recargue esta página para enviar su formulario.",
  openPage: "Abrir la comprobación",
};

const ZH: PageTexts = {
  title: "请稍候",
  intro: "我们正在检查您的浏览器。这需要几秒钟，之后会自动继续。",
  working: "正在检查…",
  done: "完成，正在转到您的页面。",
  failed: "检查失败。",
  goOn: "继续",
  noScript: "JavaScript 已关闭。请等待几秒钟，随后将转到您的页面。",
  again: "重试",
  refused: "此次检查已失效。",
  cookies: "您的浏览器未保存本网站的 Cookie。请允许后重试。",
  postponed: "没有发送任何内容。请在新标签页中打开检查，然后回到此处重新加载页面以发送表单。",
  openPage: "打开检查",
};

const JA: PageTexts = {
  title: "少々お待ちください",
  intro: "お使いのブラウザーを確認しています。数秒で自動的に次へ進みます。",
  working: "確認中…",
  done: "完了しました。ページに移動します。",
  failed: "確認に失敗しました。",
  goOn: "続ける",
  noScript: "JavaScript が無効です。数秒お待ちいただくと、ページに移動します。",
  again: "もう一度試す",
  refused: "この確認は無効になりました。",
  cookies:
    "ブラウザーがこのサイトの Cookie を保存していません。許可してからもう一度お試しください。",
  postponed:
    "何も送信されていません。新しいタブで確認を開き、ここに戻ってページを再読み込みすると、フォームが送信されます。",
  openPage: "確認を開く",
};

const AR: PageTexts = {
  title: "لحظة من فضلك",
  intro: "نتحقق من سلامة متصفحك. يستغرق ذلك بضع ثوانٍ ثم تتم المتابعة تلقائيًا.",
  working: "جارٍ التحقق…",
  done: "تم. سيتم نقلك إلى صفحتك.",
  failed: "لم ينجح التحقق.",
  goOn: "متابعة",
  noScript: "جافا سكريبت معطلة. انتظر بضع ثوانٍ ثم ستُنقل إلى صفحتك.",
  again: "حاول مرة أخرى",
  refused: "لم يعد التحقق صالحًا.",
  cookies: "متصفحك لا يحتفظ بملفات تعريف الارتباط لهذا الموقع. اسمح بها ثم حاول مرة أخرى.",
  postponed:
    "لم يُرسل أي شيء. افتح التحقق في علامة تبويب جديدة، ثم ارجع إلى هنا وأعد تحميل هذه الصفحة لإرسال النموذج.",
  openPage: "فتح التحقق",
};

export const LANGUAGES = { en: EN, de: DE, fr: FR, es: ES, zh: ZH, ja: JA, ar: AR } as const;

export type Language = keyof typeof LANGUAGES;

const MAX_ENTRIES = 32;

/** RFC 9110 §12.5.4 with lookup by primary subtag (RFC 4647 §3.4): the best of ours, English where none fits. */
export function chooseLanguage(accept: string | undefined): Language {
  let best: Language = "en";
  let weight = 0;
  for (const entry of (accept ?? "").split(",", MAX_ENTRIES)) {
    const [range = "", ...parameters] = splitParameters(entry);
    const primary = range.trim().toLowerCase().split("-", 1)[0] ?? "";
    if (!Object.hasOwn(LANGUAGES, primary)) continue;
    const own = qualityOf(parameters);
    if (own > weight) {
      best = primary as Language;
      weight = own;
    }
  }
  return best;
}
